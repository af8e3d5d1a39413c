"""What long work tells its caller, and how it learns that it is no longer wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from saggar_trainer.fitting.loop import EpochScores


@dataclass(frozen=True)
class Report:
    """How far the work has come: `done` of `total` (0: not known) `unit`s of `stage`."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Listener:
    """Callbacks of one piece of work; the defaults listen to nothing."""

    progress: Callable[[Report], None] = lambda _: None
    epoch: Callable[[EpochScores], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False
