"""How far a job has come, in the domain's own words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from saggar.errors import CancelledError


@dataclass(frozen=True)
class Progress:
    """`done` of `total` (0: not known) `unit`s of `stage`; `metrics` are current numbers."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    message: str = ""


Report = Callable[[Progress], None]


def stop_if(cancelled: threading.Event, doing: str) -> None:
    """Raises CancelledError once `cancelled` is set."""
    if cancelled.is_set():
        raise CancelledError(f"{doing} was cancelled by its caller; the same request goes on from here")
