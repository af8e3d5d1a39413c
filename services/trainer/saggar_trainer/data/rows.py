"""Rows of a manifest as arrays: label indices per task, and where each row came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    loss_weights: npt.NDArray[np.float64]  # [N], the manifest's `loss_weight`, 1 where it has none

    def __len__(self) -> int:
        return len(self.images)

    def combinations(self, tasks: Sequence[str]) -> Indices:
        """[N] a number per combination of labels of `tasks`, unknown ones being a label of their own."""
        columns = np.stack([self.labels[task] for task in tasks], axis=1)  # [N, T]
        return np.asarray(np.unique(columns, axis=0, return_inverse=True)[1], dtype=np.int64).reshape(-1)

    def take(self, rows: npt.NDArray[np.bool_]) -> Samples:
        """The rows where `rows` [N] is true."""
        chosen = np.flatnonzero(rows).tolist()
        return Samples(
            images=tuple(self.images[i] for i in chosen),
            object_ids=tuple(self.object_ids[i] for i in chosen),
            augmentation_seeds=tuple(self.augmentation_seeds[i] for i in chosen),
            real=self.real[rows],
            synthetic=self.synthetic[rows],
            labels={task: values[rows] for task, values in self.labels.items()},
            loss_weights=self.loss_weights[rows],
        )


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
        loss_weights=np.array([1.0 if r.loss_weight is None else r.loss_weight for r in records], dtype=np.float64),
    )
