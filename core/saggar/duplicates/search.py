"""Find perceptual hashes that are close, among many.

Two limits on the number of bits in which hashes differ. At most `SURE_BITS`: the same photograph, no pixels
need be looked at. Up to `POSSIBLE_BITS`: perhaps, compare the pixels. `docs/importing.md` says where they
come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.duplicates.perceptual import HASH_BITS
from saggar.errors import InvalidInputError

SURE_BITS = 11
POSSIBLE_BITS = 24

Hashes = npt.NDArray[np.uint64]  # [N, 4]
Pairs = npt.NDArray[np.int64]  # [P, 3]: first position, second position, bits in which they differ

_BLOCK = 1 << 18  # pairs that are compared at once: some 5 MB


def pack(hashes: Sequence[str] | pd.Series[str]) -> Hashes:
    """[N, 4] hexadecimal hashes as words. Raises InvalidInputError when one is none."""
    digits = HASH_BITS // 4
    if wrong := [text for text in hashes if len(text) != digits]:
        raise InvalidInputError(
            f"'{wrong[0]}' is not a perceptual hash of {digits} hexadecimal digits; import the photographs again"
        )
    data = bytes.fromhex("".join(hashes))
    return np.frombuffer(data, dtype=np.uint64).reshape(len(hashes), HASH_BITS // 64)


def close_pairs(hashes: Hashes, most_bits: int = POSSIBLE_BITS) -> Pairs:
    """All pairs that differ in at most `most_bits` bits, by comparing everything with everything.

    100,000 hashes take some 20 seconds on one core.
    """
    rows = max(1, _BLOCK // max(1, len(hashes)))
    columns = np.ascontiguousarray(hashes.T)  # [4, N]
    found = [np.empty((0, 3), np.int64)]
    for start in range(0, len(hashes), rows):
        block = columns[:, start : start + rows, None]
        half = np.bitwise_count(block[0] ^ columns[0, start:])
        half += np.bitwise_count(block[1] ^ columns[1, start:])  # at most 128 fits
        first, second = np.nonzero(half <= most_bits)
        after = second > first
        found.append(_within(hashes, first[after] + start, second[after] + start, most_bits))
    return np.concatenate(found)


def close_pairs_between(hashes: Hashes, groups: npt.NDArray[np.int64], most_bits: int = SURE_BITS) -> Pairs:
    """Pairs of different groups that differ in at most `most_bits` bits; of equal hashes one a group.

    Hashes are cut into `most_bits` + 1 bands: close ones agree in one at least, so only those that share a
    band are compared. A million take some ten seconds.
    """
    order = np.lexsort((groups, *hashes.T))
    same = (hashes[order][1:] == hashes[order][:-1]).all(axis=1)
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = ~same | (groups[order][1:] != groups[order][:-1])
    kept = order[fresh]  # one row per hash and group
    bits = np.unpackbits(hashes[kept].view(np.uint8), axis=1)  # [K, 256]
    found = [np.empty((0, 3), np.int64)]
    for band in range(most_bits + 1):
        own = bits[:, band :: most_bits + 1]
        keys = own @ (np.uint32(1) << np.arange(own.shape[1], dtype=np.uint32))
        for first, second in _sharing(keys):
            across = groups[kept[first]] != groups[kept[second]]
            found.append(_within(hashes, kept[first[across]], kept[second[across]], most_bits))
    return np.unique(np.concatenate(found), axis=0)


def _within(hashes: Hashes, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], most_bits: int) -> Pairs:
    distance = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1, dtype=np.int64)
    pairs = np.column_stack([np.minimum(first, second), np.maximum(first, second), distance])
    close: Pairs = pairs[distance <= most_bits].astype(np.int64)
    return close


def _sharing(keys: npt.NDArray[np.uint32]) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """All pairs of positions with equal keys, in parts: neighbours in sorted order, then next but one, ..."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    left = np.flatnonzero(ordered[1:] == ordered[:-1])
    apart = 1
    while len(left):
        for start in range(0, len(left), _BLOCK):
            part = left[start : start + _BLOCK]
            yield order[part], order[part + apart]
        apart += 1
        left = left[left + apart < len(ordered)]
        left = left[ordered[left] == ordered[left + apart]]
