"""Reference photographs in feature space: who is near, how near neighbours usually are, which way is up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_DEAD_SHARE = 0.05
_K = 5  # neighbours whose mean distance says how familiar something is
_BLOCK_BYTES = 64 << 20
_ROWS = 256  # features whose distances are in memory at once


def in_blocks(count: int) -> list[slice]:
    """Slices of `count` rows, so many in each that their distances from thousands fit in memory."""
    return [slice(start, start + _ROWS) for start in range(0, count, _ROWS)]


class Neighbours:
    """Features of reference photographs, in half precision: 2 bytes a dimension and photograph.

    Distances are Euclidean after each dimension has been divided by its standard deviation, to which a
    twentieth of the overall one is added, so that dead dimensions do not count.
    """

    def __init__(self, features: npt.NDArray[np.floating], objects: Sequence[str]) -> None:
        """`features` [N, F]; photographs of one of `objects` [N] are never each other's neighbours."""
        spread = features.std(axis=0, dtype=np.float64)
        overall = float(features.std(dtype=np.float64))
        self._scale = (spread + _DEAD_SHARE * overall + 1e-6).astype(np.float32)
        self._rows = (features / self._scale).astype(np.float16)
        self._objects = np.unique(np.asarray(objects), return_inverse=True)[1]
        self._k = min(_K, max(1, len(features) - 1))

    def __len__(self) -> int:
        return len(self._rows)

    def distances(self, features: Float32, own: npt.NDArray[np.intp] | None = None) -> Float64:
        """[M, N] distances of features [M, F] from all photographs, by one matrix product.

        `own` [M]: the positions of reference photographs whose features these are, or versions of them; such a one's
        own object is infinitely far away. M is at most some hundred: see `in_blocks`.
        """
        found = self._distances(features)
        if own is not None:
            found[self._objects[own][:, None] == self._objects[None]] = np.inf
        return found

    def nearest(self, distances: Float64, count: int) -> tuple[npt.NDArray[np.intp], Float64]:
        """[M, count] positions of the nearest photographs by distances [M, N], nearest first, and how far they are."""
        order = np.argsort(distances, axis=1, kind="stable")[:, :count]
        return order, np.take_along_axis(distances, order, axis=1)

    def unfamiliarity(self, distances: Float64) -> Float64:
        """[M] mean of distances [M, N] to the nearest photographs; NaN where none is left."""
        nearest = np.sort(np.partition(distances, self._k - 1, axis=1)[:, : self._k], axis=1)
        finite = np.isfinite(nearest)
        counts = finite.sum(axis=1)
        sums = np.where(finite, nearest, 0).sum(axis=1)
        found: Float64 = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return found

    def distance_to_others(self, own: npt.NDArray[np.intp]) -> Float64:
        """[M] distance of the photographs at `own` from the nearest of another object; infinite without."""
        features = self._rows[own].astype(np.float32) * self._scale
        parts = [self.distances(features[rows], own[rows]).min(axis=1) for rows in in_blocks(len(own))]
        return np.concatenate(parts) if parts else np.empty(0)

    def _distances(self, features: Float32) -> Float64:
        """[M, N], block by block of the photographs."""
        scaled = (features / self._scale).astype(np.float32)
        own = (scaled**2).sum(axis=1)[:, None]
        block = max(1, _BLOCK_BYTES // (4 * self._rows.shape[1]))
        parts = []
        for start in range(0, len(self._rows), block):
            rows = self._rows[start : start + block].astype(np.float32)
            parts.append(own + (rows**2).sum(axis=1)[None] - 2 * (scaled @ rows.T))
        squared: Float64 = np.concatenate(parts, axis=1).astype(np.float64)
        return np.sqrt(np.maximum(squared, 0))
