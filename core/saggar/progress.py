"""How far long work has come, and whether anybody still waits for it. One pair of types for all services.

A job takes one argument `work: Work`, reports with `work.report(Progress("training", 3, 50, "epochs"))` and looks at
`work.stop_if_cancelled("training")` between two steps. A servicer makes the `Work` of a call with
`saggar.rpc.serving.work.stream_events`, whose `emit` takes a `Progress` as it is. A test makes one with `Work()`, which
listens to nothing, or with `Work(report=reports.append)`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from saggar.errors import CancelledError


@dataclass(frozen=True)
class Progress:
    """`done` of `total` (0: not known) `unit`s of `stage`; `metrics` are current numbers, `message` is for people."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    message: str = ""


Report = Callable[[Progress], None]


def _unheard(_: Progress) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Work:
    """What a job knows of its caller: where to `report`, and `cancelled`, which is set when the caller is gone."""

    report: Report = _unheard
    cancelled: threading.Event = field(default_factory=threading.Event)

    def stop_if_cancelled(self, doing: str) -> None:
        """Raises CancelledError, which names what was being done, once `cancelled` is set."""
        if self.cancelled.is_set():
            raise CancelledError(f"{doing} was cancelled by its caller; the same request continues from here")
