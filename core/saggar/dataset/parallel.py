"""Work on many files at once, in order and in constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

DECODERS = min(8, os.cpu_count() or 1)
WRITERS = 8  # they wait for disks and networks more than they work
_WINDOW = 1024  # items that threads work ahead

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_threads(
    work: Callable[[ItemT], ResultT], items: Sequence[ItemT], threads: int = DECODERS
) -> Iterator[ResultT]:
    """`work` of every item, in order; decoding and file reading run outside Python's lock."""
    with ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(items), _WINDOW):
                yield from pool.map(work, items[start : start + _WINDOW])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
