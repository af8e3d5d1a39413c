"""Steps: units of work that are found again by their inputs.

A step's id is a hash of its kind, its inputs and the version of its code. Its result, references and small
numbers only, is written once at `steps/<id>.json`; whoever needs a step with equal inputs takes that over.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from saggar.errors import AlreadyExistsError, CancelledError
from saggar.store import ObjectStore

from saggar_orchestrator.experiment.digest import digest

# Raise the number of a kind when its code gives other results for equal inputs.
CODE_VERSIONS = {
    "import": 3,
    "split": 1,
    "augment": 1,
    "train": 1,
    "evaluate": 1,
    "select": 2,
    "base": 1,
    "adapter": 2,
    "plan": 4,
    "generate": 3,
    "screen": 2,
    "top_up": 1,
    "review": 1,
    "mix": 2,
    "results": 1,
    "report": 1,
}

Result = dict[str, Any]


class StepRecord(TypedDict):
    """What the workflow database keeps of a finished step."""

    step_id: str
    position: int
    title: str
    reused: bool
    seconds: float
    result: Result


def step_id(kind: str, inputs: Result) -> str:
    """16 hexadecimal digits made from what decides the result."""
    return digest({"kind": kind, "version": CODE_VERSIONS[kind], "inputs": inputs})[:16]


def find_or_do(store: ObjectStore, kind: str, inputs: Result, work: Callable[[], Result]) -> tuple[Result, bool]:
    """The step's result, and whether it was found rather than done."""
    identity = step_id(kind, inputs)
    key = f"steps/{identity}.json"
    if store.exists(key):
        return json.loads(store.get(key))["result"], True
    result = work()
    record = {"kind": kind, "inputs": inputs, "result": result}
    try:
        store.put(key, json.dumps(record, sort_keys=True, indent=1).encode(), "application/json")
    except AlreadyExistsError:  # another run with equal inputs was first; its result stands
        result = json.loads(store.get(key))["result"]
    return result, False


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


class Board:
    """The steps of a running experiment; watchers wait for changes. Safe for many threads."""

    def __init__(self, titles: tuple[str, ...]) -> None:
        self._views = [StepView(position, title) for position, title in enumerate(titles)]
        self._versions = [0] * len(titles)
        self._version = 0
        self._closed = False
        self._changed = threading.Condition()

    def update(self, position: int, **changes: Any) -> None:
        with self._changed:
            self._views[position] = replace(self._views[position], **changes)
            self._version += 1
            self._versions[position] = self._version
            self._changed.notify_all()

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
    """Tells running work to stop, and reaches calls that block: each registers how to break it off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._breaks: dict[int, Callable[[], Any]] = {}

    def cancel(self) -> None:
        with self._lock:
            self._event.set()
            breaks = tuple(self._breaks.values())
        for break_off in breaks:
            break_off()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        if self.requested:
            raise CancelledError("the experiment was cancelled; `saggar experiment resume` continues it")

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

    def __call__(
        self,
        stage: str,
        done: int = 0,
        total: int = 0,
        unit: str = "",
        message: str = "",
        metrics: dict[str, float] | None = None,
    ) -> None:
        self._board.update(
            self._position,
            stage=stage,
            done=done,
            total=total,
            unit=unit,
            message=message,
            metrics=tuple(sorted((metrics or {}).items())),
            seconds=time.monotonic() - self._started,
        )
