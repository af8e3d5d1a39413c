"""Work on many files at once, in order and in constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

DECODERS = min(8, os.cpu_count() or 1)  # with more, small photographs cost more time in switching than they gain
_AT_ONCE = 8  # items that a thread takes; handing over one by one costs a tenth of a small photograph's time
_WINDOW = 128 * _AT_ONCE  # items that threads work ahead

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_threads(work: Callable[[ItemT], ResultT], items: Sequence[ItemT], threads: int = DECODERS) -> Iterator[ResultT]:
    """`work` of every item, in order; decoding and file reading run outside Python's lock."""

    def work_all(start: int) -> list[ResultT]:
        return [work(item) for item in items[start : start + _AT_ONCE]]

    with ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(items), _WINDOW):
                for done in pool.map(work_all, range(start, min(start + _WINDOW, len(items)), _AT_ONCE)):
                    yield from done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
