"""The processes that train one adapter together, each on a GPU of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch


class Team(Protocol):
    """`size` processes; this is number `rank`, from 0. Every one calls the same methods in the same order."""

    @property
    def size(self) -> int: ...

    @property
    def rank(self) -> int: ...

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replaces each tensor by its sum over the team."""
        ...

    def agree(self, flag: bool) -> bool:
        """Whether any of the team says so."""
        ...


class Alone:
    """One process."""

    size, rank = 1, 0

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """As they are."""

    def agree(self, flag: bool) -> bool:
        return flag


class Accelerated:
    """The processes that `torch.distributed.run` started, by accelerate."""

    def __init__(self, device: str) -> None:
        """`device` is this process's own, as torch names it. Waits for the others."""
        from accelerate import Accelerator

        self._accelerator = Accelerator(cpu=device == "cpu")
        self._device = torch.device(device)

    @property
    def size(self) -> int:
        return int(self._accelerator.num_processes)

    @property
    def rank(self) -> int:
        return int(self._accelerator.process_index)

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        together = torch.cat([tensor.reshape(-1) for tensor in tensors])  # one exchange, not hundreds
        sums = self._accelerator.reduce(together, "sum").split([tensor.numel() for tensor in tensors])
        for tensor, total in zip(tensors, sums, strict=True):
            tensor.copy_(total.view_as(tensor))

    def agree(self, flag: bool) -> bool:
        votes = torch.tensor([float(flag)], device=self._device)
        return bool(self._accelerator.reduce(votes, "sum").item() > 0)
