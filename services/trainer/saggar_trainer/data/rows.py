"""Rows of a manifest as arrays: label indices per task, and where each row came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.dataset.manifest import Manifest
from saggar.taxonomy import Taxonomy

UNKNOWN = -1  # index of an unknown label

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """N rows: `images` are store keys; `augmentation_seeds` are set where origin is "augmented"."""

    images: tuple[str, ...]
    object_ids: tuple[str, ...]
    augmentation_seeds: tuple[int | None, ...]
    real: npt.NDArray[np.bool_]  # [N]
    synthetic: npt.NDArray[np.bool_]  # [N]
    labels: Mapping[str, Indices]  # task -> [N] class indices, UNKNOWN where not known

    def __len__(self) -> int:
        return len(self.images)

    def counts(self, task: str, classes: int, *, real_only: bool = False) -> npt.NDArray[np.int64]:
        """[C] rows per class of `task`, of all origins or of real photographs alone."""
        labels = self.labels[task][self.real] if real_only else self.labels[task]
        return np.bincount(labels[labels != UNKNOWN], minlength=classes)


def samples_of(manifest: Manifest, taxonomy: Taxonomy) -> Samples:
    """All rows of `manifest`; raises InvalidInputError for a class that `taxonomy` lacks."""
    records = list(manifest.records())

    def indices(task: str) -> Indices:
        codes = (record.labels.get(task) for record in records)
        values = [UNKNOWN if code is None else taxonomy.task(task).index(code) for code in codes]
        return np.array(values, dtype=np.int64)

    return Samples(
        images=tuple(record.image for record in records),
        object_ids=tuple(record.object_id for record in records),
        augmentation_seeds=tuple(record.augmentation_seed for record in records),
        real=np.array([record.origin == "real" for record in records], dtype=bool),
        synthetic=np.array([record.origin == "synthetic" for record in records], dtype=bool),
        labels={task: indices(task) for task in taxonomy.task_names},
    )
