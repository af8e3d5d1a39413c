"""A session that runs the photographs of several callers together: for GPUs. On processors that only costs time.

No thread is started: the first caller runs for those that wait, and hands on to the next of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.errors import BusyError

from saggar_classifier.networks.batch_rule import BatchRule, Waiting, padded

LARGEST_RUN = 32  # photographs; a power of two
_INPUT = "images"

_due: ContextVar[float | None] = ContextVar("due", default=None)


@contextmanager
def due_in(seconds: float | None) -> Iterator[None]:
    """What runs in the block is of no use after so many seconds; None: it always is."""
    token = _due.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _due.reset(token)


@dataclass(eq=False)
class _Call:
    waiting: Waiting
    names: tuple[str, ...]
    images: npt.NDArray[np.float32]  # [N, 3, S, S]
    turn: threading.Event = field(default_factory=threading.Event)  # it is answered, or it is to run
    outputs: list[Any] | None = None
    error: BaseException | None = None

    @property
    def over(self) -> bool:
        return self.outputs is not None or self.error is not None


class BatchingSession:
    """Has the methods of ONNX Runtime's session that a bundle's model calls. Safe to use from many threads."""

    def __init__(self, session: Any, largest: int = LARGEST_RUN, rule: BatchRule | None = None) -> None:
        """`session` takes any number of photographs; it is run by one thread at a time."""
        self._session = session
        self._rule = rule or BatchRule(largest)
        self._line: list[_Call] = []
        self._running = False
        self._changed = threading.Condition()

    def get_providers(self) -> list[str]:
        return list(self._session.get_providers())

    def get_inputs(self) -> list[Any]:
        return list(self._session.get_inputs())

    def get_outputs(self) -> list[Any]:
        return list(self._session.get_outputs())

    def run(self, names: Sequence[str], inputs: dict[str, Any], options: Any = None) -> list[Any]:
        """As ONNX Runtime's. With `options`, as trials of a model have them, alone.

        BusyError where the answer would come after `due_in`, before any work.
        """
        images = inputs[_INPUT]
        if options is not None or len(images) > self._rule.largest:
            return list(self._session.run(list(names), inputs, options))
        now = time.monotonic()
        call = _Call(Waiting(now, len(images), _due.get()), tuple(names), images)
        with self._changed:
            self._rule.arrived(now)
            self._line.append(call)
            leads = not self._running
            self._running = True
            self._changed.notify_all()
        if not leads:
            call.turn.wait()
        if not call.over:
            self._lead()
        if call.error is not None:
            raise call.error
        assert call.outputs is not None  # noqa: S101 whoever leads runs the first of the line, which is itself
        return call.outputs

    def _lead(self) -> None:
        """Runs those at the head of the line, after a wait for others where that pays; then the next one leads."""
        with self._changed:
            while wait := self._rule.wait_s(time.monotonic(), [each.waiting for each in self._line]):
                self._changed.wait(wait)
            calls, late = self._take()
        for call in late:
            call.error = BusyError("the answer would come after the caller's deadline; allow more time", 0.1)
        try:
            if calls:
                self._run(calls)
        finally:
            with self._changed:
                following = self._line[0] if self._line else None
                self._running = following is not None
            for call in (*calls, *late):
                call.turn.set()
            if following is not None:
                following.turn.set()

    def _take(self) -> tuple[list[_Call], list[_Call]]:
        alike = [call for call in self._line if call.names == self._line[0].names]
        choice = self._rule.choose(time.monotonic(), [call.waiting for call in alike])
        taken, late = [alike[at] for at in choice.taken], [alike[at] for at in choice.late]
        self._line = [call for call in self._line if call not in taken and call not in late]
        return taken, late

    def _run(self, calls: list[_Call]) -> None:
        images = np.concatenate([call.images for call in calls])
        count = len(images)
        size = padded(count, self._rule.largest)
        if size > count:
            images = np.concatenate([images, np.zeros((size - count, *images.shape[1:]), images.dtype)])
        begun = time.monotonic()
        try:
            outputs = self._session.run(list(calls[0].names), {_INPUT: images}, None)
        except BaseException as error:  # noqa: BLE001 every caller gets it
            for call in calls:
                call.error = error
            return
        with self._changed:
            self._rule.times.note(size, time.monotonic() - begun)
        at = 0
        for call in calls:
            call.outputs = [values[at : at + len(call.images)] for values in outputs]
            at += len(call.images)
