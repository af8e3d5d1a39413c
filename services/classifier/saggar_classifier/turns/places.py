"""Processors for pieces of work that run at once: one each, as long as they are all in use."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Places:
    """While there are `count` pieces of work, each thread of theirs stays on a processor of its own.

    Some kernels, those of virtual machines above all, put threads that wake each other on one processor and leave
    others idle. Fewer pieces are where the kernel wants them, and so are all where this process may use another number
    of processors: of those of a machine that a quota leaves to it, the kernel knows better which are free. Safe to use
    from many threads.
    """

    def __init__(self, count: int) -> None:
        processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._free = processors if len(processors) == count > 1 else []
        self._useful = bool(self._free)
        self._held: dict[int, int] = {}  # processor by thread
        self._staying: set[int] = set()
        self._lock = threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """For a piece of work of the calling thread."""
        if not self._useful:
            yield
            return
        thread, before = threading.get_native_id(), os.sched_getaffinity(0)
        with self._lock:
            self._held[thread] = self._free.pop()
            if not self._free:
                for each in self._held.keys() - self._staying:
                    _move(each, {self._held[each]})
                self._staying.update(self._held)
        try:
            yield
        finally:
            with self._lock:
                self._free.append(self._held.pop(thread))
                stayed = thread in self._staying
                self._staying.discard(thread)
            if stayed:
                _move(thread, before)


def _move(thread: int, processors: set[int]) -> None:
    with suppress(OSError):  # they were taken from this process meanwhile
        os.sched_setaffinity(thread, processors)
