"""How the steps of a running experiment stand, for those who watch it, and how it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from saggar.errors import CancelledError
from saggar.progress import Progress

CANCELLED = "the experiment was cancelled"
"""With this begins the error of a step that was stopped, so that it can be told from one that failed."""


@dataclass(frozen=True)
class StepView:
    """How a step stands, as watchers see it. state: waiting, running, succeeded, reused or failed."""

    position: int
    title: str
    step_id: str = ""
    state: str = "waiting"
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    metrics: tuple[tuple[str, float], ...] = ()
    message: str = ""
    seconds: float = 0.0
    error: str = ""
    at: float = 0.0  # when it was kept, in seconds since 1970; 0 where that is not known


def seconds_left(done: int, total: int, seconds: float) -> float | None:
    """By what is done; None before a twentieth, or two seconds, are over."""
    if not total or done * 20 < total or seconds < 2 or done >= total:
        return None
    return seconds * (total - done) / done


_MOST_NOTABLE = 10_000  # kept where nobody asks


class Board:
    """The steps of a running experiment; watchers wait for changes. Safe for many threads."""

    def __init__(self, titles: tuple[str, ...]) -> None:
        self._views = [StepView(position, title) for position, title in enumerate(titles)]
        self._versions = [0] * len(titles)
        self._version = 0
        self._closed = False
        self._notable: list[StepView] = []
        self._changed = threading.Condition()

    def update(self, position: int, **changes: Any) -> None:
        with self._changed:
            before = self._views[position]
            after = self._views[position] = replace(before, **changes)
            if after.state != before.state or (after.unit == "epochs" and after.done != before.done):
                self._notable.append(after)
                del self._notable[:-_MOST_NOTABLE]
            self._version += 1
            self._versions[position] = self._version
            self._changed.notify_all()

    def notable(self) -> tuple[StepView, ...]:
        """Changes of state, and epochs, since the last call, however fast one followed the other; for one caller."""
        with self._changed:
            found = tuple(self._notable)
            self._notable.clear()
            return found

    def close(self) -> None:
        """Nothing will change any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def snapshot(self) -> tuple[StepView, ...]:
        with self._changed:
            return tuple(self._views)

    def changes(self, since: int, timeout_s: float) -> tuple[int, tuple[StepView, ...], bool]:
        """What changed after version `since` (-1: everything), waiting up to `timeout_s`; and whether it is
        over.
        """
        with self._changed:
            if since >= 0 and self._version <= since and not self._closed:
                self._changed.wait(timeout_s)
            changed = tuple(v for v, n in zip(self._views, self._versions, strict=True) if n > since)
            return self._version, changed, self._closed


class Cancellation:
    """Tells running work to stop, and reaches calls that block: each registers how to break it off.

    `hold` is called before further work is begun, and does not return before it may be.
    """

    def __init__(self, hold: Callable[[Cancellation], None] = lambda _: None) -> None:
        self._hold = hold
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._breaks: dict[int, Callable[[], Any]] = {}
        self.by_somebody = False

    def cancel(self, *, by_somebody: bool = False) -> None:
        """`by_somebody`: a person cancelled the experiment; else the service ends, and its next launch continues."""
        with self._lock:
            self.by_somebody = by_somebody
            self._event.set()
            breaks = tuple(self._breaks.values())
        for break_off in breaks:
            break_off()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        self._hold(self)
        if self.requested:
            raise CancelledError(f"{CANCELLED}; `saggar experiment resume` continues it")

    def wait(self, seconds: float) -> None:
        """Sleeps; wakes and raises CancelledError when cancelled."""
        self._event.wait(seconds)
        self.check()

    def register(self, break_off: Callable[[], Any]) -> Callable[[], None]:
        """Calls `break_off` upon cancellation; returns how to unregister."""
        with self._lock:
            key = id(break_off)
            self._breaks[key] = break_off
            requested = self._event.is_set()
        if requested:
            break_off()

        def unregister() -> None:
            with self._lock:
                self._breaks.pop(key, None)

        return unregister


class Ticker:
    """Writes progress of one step to the board."""

    def __init__(self, board: Board, position: int) -> None:
        self._board, self._position = board, position
        self._started = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        self._board.update(
            self._position,
            stage=progress.stage,
            done=progress.done,
            total=progress.total,
            unit=progress.unit,
            message=progress.message,
            metrics=tuple(sorted(progress.metrics.items())),
            seconds=time.monotonic() - self._started,
        )
