"""What a training reports of its epochs, beside the progress that all work reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from saggar.progress import Work


@dataclass(frozen=True)
class EpochScores:
    """What an epoch came to; `epoch` counts from 1."""

    epoch: int
    training_loss: float
    training_loss_by_task: Mapping[str, float]
    validation_loss: float
    validation_macro_f1: float
    validation_macro_f1_by_task: Mapping[str, float]
    best: bool  # of all epochs before it in its part of the run
    steps: int = 0  # of the optimiser
    real_only: bool = False  # whether it is one of `real_only_last_epochs`
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class TrainingWork(Work):
    """Work that also reports epochs."""

    epoch: Callable[[EpochScores], None] = lambda _: None
