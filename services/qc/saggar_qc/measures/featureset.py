"""A set of images as features, in constant memory: exact mean and covariance, and a sample of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Labels

from saggar_qc.objects import Objects, numbered

SAMPLE_SIZE = 5_000  # rows kept for KID: 40 MB at 2,048 dimensions of float32
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, mean [F] and unbiased covariance [F, F] of a set of features."""

    count: int
    mean: Float64
    covariance: Float64


class FeatureSet:
    """Collects features batch by batch. What it holds does not depend on how they were cut into batches.

    Mean and covariance are updated in float64 by the pairwise formula of Chan, Golub and LeVeque (1979). The
    sample is uniform, without replacement; of at most `sample_size` rows it has all, in order.
    """

    def __init__(self, sample_size: int = SAMPLE_SIZE, seed: int = 0) -> None:
        self.count = 0
        self._sample_size = sample_size
        self._random = np.random.default_rng(seed)
        self._mean: Float64 = np.empty(0)
        self._scatter: Float64 = np.empty((0, 0))  # sum of outer products about the mean
        self._rows: list[Float32] = []
        self._tags: list[npt.NDArray[np.object_]] = []
        self._objects: list[npt.NDArray[np.object_]] = []
        self._ranks: list[Float64] = []
        self._kept = 0

    @property
    def dimensions(self) -> int:
        """F; 0 before the first batch."""
        return len(self._mean)

    def add(
        self, features: npt.NDArray[Any], tags: Sequence[str] | None = None, objects: Sequence[str] | None = None
    ) -> None:
        """Takes features [N, F]; `tags` [N] and ids of `objects` [N] go with them into the sample. A row without an id
        is of an object of its own.
        """
        if not len(features):
            return
        self._add_moments(features.astype(np.float64))
        self._rows.append(features.astype(np.float32))
        self._ranks.append(self._random.random(len(features)))
        self._tags.append(np.array(tags or [""] * len(features), dtype=object))
        self._objects.append(np.array(objects or [""] * len(features), dtype=object))
        self._kept += len(features)
        if self._kept > 2 * self._sample_size:
            self._thin()

    def moments(self) -> Moments:
        """For at least two rows; fewer have no covariance (ValueError)."""
        if self.count < 2:
            raise ValueError(f"{self.count} rows have no covariance")
        return Moments(self.count, self._mean.copy(), self._scatter / (self.count - 1))

    def sample(self) -> Float32:
        """At most `sample_size` rows, [M, F], in the order in which they came."""
        if not self.count:
            return np.empty((0, 0), dtype=np.float32)
        self._thin()
        return self._rows[0]

    def tags(self) -> npt.NDArray[np.object_]:
        """[M] what came with the rows of `sample`."""
        if not self.count:
            return np.empty(0, dtype=object)
        self._thin()
        return self._tags[0]

    def objects(self) -> Objects:
        """[M] numbers of the objects of `sample`'s rows, in the order in which they came."""
        if not self.count:
            return np.empty(0, dtype=np.int_)
        self._thin()
        return numbered(self._objects[0].tolist())

    def _add_moments(self, rows: Float64) -> None:
        if not self.count:
            self._mean = np.zeros(rows.shape[1])
            self._scatter = np.zeros((rows.shape[1], rows.shape[1]))
        mean = rows.mean(axis=0)
        centred = rows - mean
        shift = mean - self._mean
        total = self.count + len(rows)
        self._scatter += centred.T @ centred
        self._scatter += np.outer(shift, shift) * (self.count * len(rows) / total)
        self._mean = self._mean + shift * (len(rows) / total)
        self.count = total

    def _thin(self) -> None:
        """Keeps the rows of the lowest random ranks: a uniform sample, whatever the order or the batches."""
        rows, ranks = np.concatenate(self._rows), np.concatenate(self._ranks)
        tags, objects = np.concatenate(self._tags), np.concatenate(self._objects)
        if len(rows) > self._sample_size:
            chosen = np.sort(np.argpartition(ranks, self._sample_size)[: self._sample_size])
            rows, ranks, tags, objects = rows[chosen], ranks[chosen], tags[chosen], objects[chosen]
        self._rows, self._ranks, self._kept = [rows], [ranks], len(rows)
        self._tags, self._objects = [tags], [objects]


def combination_tag(labels: Labels) -> str:
    """The known labels in words, e.g. `Yuan, Jun, MoonW, Vase`; what sets are taken apart by."""
    return ", ".join(code if code is not None else "unknown" for code in labels.values())
