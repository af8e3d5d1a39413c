"""The processes that train one network together, each on a GPU of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist

LONGEST_WAIT = timedelta(hours=1)  # for the others, at any one place; the launcher notices at once that one has died


class Team:
    """`size` processes, of which this is number `rank`, from 0: alone here, `Distributed` has others.

    Every one calls the same methods in the same order.
    """

    size, rank = 1, 0

    @property
    def first(self) -> bool:
        """Whether this is the one that speaks and writes for all."""
        return self.rank == 0

    def part(self) -> slice:
        """Of the places of anything that is shared out, those of this process."""
        return slice(self.rank, None, self.size)

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replaces each tensor by its sum over the team; all have one type of numbers, and may lie anywhere."""

    def agree(self, flag: bool) -> bool:
        """Whether any of the team says so."""
        return flag

    def dissolve(self) -> None:
        """From here on each goes on alone, or ends."""


class Distributed(Team):
    """The processes that `torch.distributed.run` started: NCCL between GPUs, gloo between processors."""

    def __init__(self, device: torch.device) -> None:
        """`device` is this process's own. Waits for the others."""
        self._device = device
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
        self.size, self.rank = dist.get_world_size(), dist.get_rank()

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        together = torch.cat([tensor.detach().reshape(-1).to(self._device) for tensor in tensors])  # one exchange
        dist.all_reduce(together)
        sums = torch.split(together, [tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, total in zip(tensors, sums, strict=True):
                tensor.copy_(total.view(tensor.shape))

    def agree(self, flag: bool) -> bool:
        votes = torch.tensor([float(flag)])
        self.add_up([votes])
        return bool(votes.item() > 0)

    def dissolve(self) -> None:
        dist.destroy_process_group()
