"""Chance that belongs to names, not to positions: seeded hashes of keys.

The same key and seed give the same number whatever else is in the data set and in whatever order, so a draw
does not change when rows are added or shuffled.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def seeded_hash(keys: pd.Series[Any], seed: int, purpose: str) -> npt.NDArray[np.uint64]:
    """[N] one 64-bit number per key. `purpose` keeps the draws of different steps independent."""
    key = hashlib.sha256(f"{purpose}:{seed}".encode()).hexdigest()[:16]  # pandas takes 16 bytes
    values = keys.astype(object).to_numpy()
    return np.asarray(pd.util.hash_array(values, hash_key=key, categorize=False), dtype=np.uint64)


def rank_within(groups: npt.NDArray[np.intp], order: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """[N] the place of each row within its group, from 0, when rows are taken in `order` (positions [N])."""
    ranks = np.empty(len(groups), dtype=np.int64)
    placed = pd.Series(groups[order])
    ranks[order] = placed.groupby(placed, sort=False).cumcount().to_numpy(dtype=np.int64)
    return ranks


def derived_seed(*parts: object) -> int:
    """A seed of 53 bits (exact in JSON and in every float) made from `parts`."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11
