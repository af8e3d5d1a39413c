"""Bounded waits for the store: where it hangs, calls that do not need it still find a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from saggar.errors import BusyError

STORE_CALLS = 16  # of the server's 32 threads for short calls
_RETRY_S = 1.0


class StoreTurns:
    """At most `count` calls wait for the store at once. Safe to use from many threads."""

    def __init__(self, count: int = STORE_CALLS) -> None:
        self.count = count
        self._free = threading.Semaphore(count)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Around what reads the store; raises BusyError at once where `count` others do."""
        if not self._free.acquire(blocking=False):
            raise BusyError(
                f"{self.count} calls wait for the store already, the most that this replica takes; try again later, "
                "send photographs as bytes, or look after the store",
                _RETRY_S,
            )
        try:
            yield
        finally:
            self._free.release()
