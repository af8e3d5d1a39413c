"""Averages of a network's weights over its training: less of a result hangs on where the last step fell."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from saggar.job_settings.training import TrainingSettings
from torch import Tensor, nn

SWA_FROM = 0.5  # of the epochs: stochastic weight averaging begins when half of them are done


class Average:
    """The averaged network beside the one that learns.

    `ema`: after every step, w <- d w + (1 - d) w_t, where d grows to `ema_decay` over the first steps. `swa`: the mean
    of the weights at the ends of the second half's epochs (Izmailov et al. 2018, arXiv:1803.05407); until then, the
    last weights. Running statistics of batch normalisation are averaged alike, and are re-estimated at the end.
    """

    def __init__(self, model: nn.Module, settings: TrainingSettings) -> None:
        self.model = copy.deepcopy(model).eval()
        self._settings = settings

    @torch.no_grad()
    def after_step(self, model: nn.Module, step: int) -> None:
        """`step` counts from 1 over the whole run."""
        if self._settings.weight_averaging == "ema":
            decay = min(self._settings.ema_decay, (1 + step) / (10 + step))
            _blend(self.model.state_dict(), model.state_dict(), 1 - decay)

    @torch.no_grad()
    def after_epoch(self, model: nn.Module, place: int) -> None:
        """`place` counts from 0."""
        if self._settings.weight_averaging == "swa":
            averaged = place - int(self._settings.max_epochs * SWA_FROM)
            _blend(self.model.state_dict(), model.state_dict(), 1 / (1 + max(0, averaged)))

    def load(self, state: Mapping[str, Tensor]) -> None:
        self.model.load_state_dict(state)


def _blend(average: Mapping[str, Tensor], current: Mapping[str, Tensor], share: float) -> None:
    floats = [name for name, value in average.items() if value.is_floating_point()]
    torch._foreach_lerp_([average[n] for n in floats], [current[n] for n in floats], share)
    for name, value in average.items():
        if not value.is_floating_point():
            value.copy_(current[name])
