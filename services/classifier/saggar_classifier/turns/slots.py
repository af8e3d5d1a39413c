"""Bounded work: as many photographs at once as there are processors, and early refusals when too many wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from saggar.errors import BusyError, CancelledError

from saggar_classifier.turns.places import Places

_WEIGHT = 0.1  # of the latest photograph in the mean time of one
_FIRST_GUESS_S = {False: 0.02, True: 0.2}  # small and large
_LONGEST_WAIT_S = 30.0  # of a caller without a deadline
_IN_A_ROW = 4  # small ones that go before a large one that waits


class Caller(Protocol):
    """Whoever waits for a result; gRPC's context of a call is one."""

    def is_active(self) -> bool: ...

    def time_remaining(self) -> float | None: ...


class WorkSlots:
    """`count` pieces of work run at once. Small ones go first, yet of five turns a large one has one.

    Within their size they keep their order. Safe to use from many threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._places = Places(count)
        self._lines: dict[bool, deque[threading.Event]] = {False: deque(), True: deque()}
        self._seconds = dict(_FIRST_GUESS_S)  # that one of either size takes
        self._small_in_a_row = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    @contextmanager
    def slot(self, caller: Caller, *, large: bool = False) -> Iterator[None]:
        """Holds a slot for the block, after a wait for it.

        Raises BusyError at once where the result would come after the caller's deadline, and CancelledError where
        the caller is gone when its turn comes.
        """
        self._enter(caller, large)
        begun, worked = time.monotonic(), False
        try:
            if not caller.is_active():
                raise CancelledError("the caller was gone before the work began")
            worked = True
            with self._places.place():
                yield
        finally:
            self._leave(large, time.monotonic() - begun if worked else None)

    def _enter(self, caller: Caller, large: bool) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._refuse_the_late(caller, large)
            turn = threading.Event()
            self._lines[large].append(turn)
        turn.wait()

    def _refuse_the_late(self, caller: Caller, large: bool) -> None:
        ahead = {size: len(line) for size, line in self._lines.items()}
        if not large:  # of the large ones that wait, few go first
            ahead[True] = min(ahead[True], ahead[False] // _IN_A_ROW)
        wait = sum((ahead[size] + (size == large)) * self._seconds[size] for size in ahead) / self.count
        left = caller.time_remaining()
        if wait + self._seconds[large] > (_LONGEST_WAIT_S if left is None else min(left, _LONGEST_WAIT_S)):
            raise BusyError(
                f"{self.waiting} photographs wait and one takes {self._seconds[large]:.2g} s: the answer would be too "
                "late; try again later, allow more time, or add a replica",
                max(0.1, wait),
            )

    def _leave(self, large: bool, seconds: float | None) -> None:
        with self._lock:
            if seconds is not None:
                self._seconds[large] += _WEIGHT * (seconds - self._seconds[large])
            if not self.waiting:
                self._free += 1
                return
            small = bool(self._lines[False]) and not (self._lines[True] and self._small_in_a_row >= _IN_A_ROW)
            self._small_in_a_row = self._small_in_a_row + 1 if small else 0
            self._lines[not small].popleft().set()  # this slot goes to the one whose turn it is
