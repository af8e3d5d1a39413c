"""Bounded work: as many photographs at once as there are processors, and early refusals when too many wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from saggar.errors import BusyError, CancelledError

_WEIGHT = 0.1  # of the latest photograph in the mean time of one
_FIRST_GUESS_S = 0.02
_LONGEST_WAIT_S = 30.0  # of a caller without a deadline


class Caller(Protocol):
    """Whoever waits for a result; gRPC's context of a call is one."""

    def is_active(self) -> bool: ...

    def time_remaining(self) -> float | None: ...


class WorkSlots:
    """`count` pieces of work run at once, first come first served. Safe to use from many threads."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._waiting = 0
        self._seconds = _FIRST_GUESS_S  # that one piece of work takes
        self._turn = threading.Condition()

    @property
    def waiting(self) -> int:
        return self._waiting

    @contextmanager
    def slot(self, caller: Caller) -> Iterator[None]:
        """Holds a slot for the block, after a wait for it.

        Raises BusyError at once where the result would come after the caller's deadline, and CancelledError where
        the caller is gone when its turn comes.
        """
        self._enter(caller)
        begun = time.monotonic()
        try:
            if not caller.is_active():
                raise CancelledError("the caller was gone before the work began")
            yield
        finally:
            self._leave(time.monotonic() - begun)

    def _enter(self, caller: Caller) -> None:
        with self._turn:
            if self._free and not self._waiting:
                self._free -= 1
                return
            self._refuse_the_late(caller)
            self._waiting += 1
            try:
                while not self._free:
                    self._turn.wait()
                self._free -= 1
            finally:
                self._waiting -= 1

    def _refuse_the_late(self, caller: Caller) -> None:
        wait = self._seconds * (self._waiting + 1) / self.count
        left = caller.time_remaining()
        if wait + self._seconds > (_LONGEST_WAIT_S if left is None else min(left, _LONGEST_WAIT_S)):
            raise BusyError(
                f"{self._waiting} photographs wait and one takes {self._seconds:.2g} s: the answer would be too late; "
                "try again later, allow more time, or add a replica",
                max(0.1, wait),
            )

    def _leave(self, seconds: float) -> None:
        with self._turn:
            self._seconds += _WEIGHT * (seconds - self._seconds)
            self._free += 1
            self._turn.notify()
