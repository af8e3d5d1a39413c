"""An index of very many neighbours, by usearch (HNSW, cosine, float16); core's extra `neighbours`.

It finds what is most similar without comparing with all. It is approximate, so what it finds is ranked again by the
stored features.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


def build_index(features: npt.NDArray[np.float16]) -> bytes | None:
    """Of unit vectors [N, F], the same bytes for the same vectors; None where usearch is not installed."""
    try:
        from usearch.index import Index
    except ImportError:
        return None
    index = Index(ndim=features.shape[1], metric="cos", dtype="f16")
    index.add(np.arange(len(features)), features, threads=1)  # with several, links hang on which thread came first
    return bytes(index.save() or b"")


def found_rows(index: bytes, query: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64] | None:
    """About the `count` rows that are most similar to query [F]; None where usearch is not installed."""
    opened = _opened(index)
    if opened is None:
        return None
    return np.asarray(opened.search(query.astype(np.float16), count).keys, np.int64)


@lru_cache(maxsize=2)  # the served model's, and the one's before it
def _opened(index: bytes) -> Any:
    try:
        from usearch.index import Index
    except ImportError:
        return None
    return Index.restore(index)
