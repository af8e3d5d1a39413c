"""What long work reports to its caller, and how it learns that it was cancelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """How far the work has come: `done` of `total` (0: not known) `unit`s of `stage`."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochScores:
    """What an epoch came to; `epoch` counts from 1."""

    epoch: int
    training_loss: float
    training_loss_by_task: Mapping[str, float]
    validation_loss: float
    validation_macro_f1: float
    validation_macro_f1_by_task: Mapping[str, float]
    best: bool
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Listener:
    """Callbacks of one piece of work; the defaults listen to nothing."""

    progress: Callable[[Report], None] = lambda _: None
    epoch: Callable[[EpochScores], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False
