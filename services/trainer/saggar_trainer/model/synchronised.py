"""A network whose layers see a whole batch, though each process of a team has a part of its rows.

Batch normalisation counts the rows of all. Dropout draws for all rows, as one process would, and each process takes
its own; so torch's generators stay alike.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from saggar_trainer.group import Team


@dataclass
class Batch:
    """How many rows the batch in hand has in all; whoever trains says so before each step."""

    rows: int = 0


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def synchronised(model: ModuleT, team: Team, batch: Batch, device: torch.device) -> ModuleT:
    """A copy of `model` with layers that work over `team`, and the same names in its state dict.

    On GPUs batch normalisation is torch's own, which has no path for processors.
    """
    made = copy.deepcopy(model)
    if device.type == "cuda":
        made = nn.SyncBatchNorm.convert_sync_batchnorm(made)  # type: ignore[no-untyped-call]
    for parent in list(made.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, SharedBatchNorm(child, team, batch))
            elif isinstance(child, nn.Dropout):
                setattr(parent, name, SharedDropout(child, team, batch))
    return made


class SharedBatchNorm(nn.BatchNorm2d):
    """In training, mean and variance of the rows of all processes, of which some may have none."""

    def __init__(self, of: nn.BatchNorm2d, team: Team, batch: Batch) -> None:
        super().__init__(of.num_features, of.eps, of.momentum, device=of.weight.device, dtype=of.weight.dtype)
        self.load_state_dict(of.state_dict())
        self._team, self._batch = team, batch

    def forward(self, images: Tensor) -> Tensor:  # [N, C, h, w]
        if not self.training:
            return super().forward(images)
        values = images.to(torch.promote_types(images.dtype, torch.float32))  # of half precision
        count = self._batch.rows * images.shape[2] * images.shape[3]
        mean = self._sum(values.sum((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = self._sum(centred.square().sum((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(images.dtype)

    def _sum(self, values: Tensor) -> Tensor:
        summed: Tensor = _Sum.apply(values, self._team)
        return summed

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None  # noqa: S101 - for the type checker
        assert self.running_var is not None  # noqa: S101
        assert self.num_batches_tracked is not None  # noqa: S101
        assert self.momentum is not None  # noqa: S101
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class SharedDropout(nn.Dropout):
    """In training, what one process would draw for the whole batch, of this one's rows."""

    def __init__(self, of: nn.Dropout, team: Team, batch: Batch) -> None:
        super().__init__(of.p)
        self._team, self._batch = team, batch

    def forward(self, values: Tensor) -> Tensor:  # [N, F]
        if not self.training:
            return values
        ones = torch.ones(self._batch.rows, *values.shape[1:], dtype=values.dtype, device=values.device)
        return values * functional.dropout(ones, self.p)[self._team.part()]


class _Sum(torch.autograd.Function):
    """The sum over a team; so is its gradient, since every process's loss hangs on it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, team: Team) -> Tensor:
        ctx.team = team
        total = values.clone()
        team.add_up([total])
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone()
        ctx.team.add_up([total])
        return total, None
