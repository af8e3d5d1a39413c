"""Predictions on one split, as the trainer stored them, as arrays of class numbers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.errors import DataCorruptionError
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Task, Taxonomy


@dataclass(frozen=True)
class Predictions:
    """Per task, true and predicted class numbers [N] (unknown truth: -1), and probabilities [N, C]."""

    images: tuple[str, ...]
    true: dict[str, npt.NDArray[np.int64]]
    predicted: dict[str, npt.NDArray[np.int64]]
    probabilities: dict[str, npt.NDArray[np.float64]]

    def top_k_accuracy(self, task: str, k: int) -> float:
        """Share of images with known truth whose true class is among the k most probable; 0 when there are
        none.
        """
        known = self.true[task] >= 0
        if not known.any():
            return 0.0
        best = np.argsort(-self.probabilities[task][known], axis=1, kind="stable")[:, :k]
        return float((best == self.true[task][known][:, None]).any(axis=1).mean())


def read_predictions(store: ObjectStore, reference: ObjectRef, taxonomy: Taxonomy) -> Predictions:
    """The stored predictions, sorted by image so that runs pair up. DataCorruptionError when columns are
    missing.
    """
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(store.read(reference))).sort_values("image", kind="stable")
    try:
        return Predictions(
            images=tuple(frame["image"]),
            true={task.name: _indices(frame[f"true_{task.name}"], task) for task in taxonomy.tasks},
            predicted={task.name: _indices(frame[f"predicted_{task.name}"], task) for task in taxonomy.tasks},
            probabilities={t.name: _probabilities(frame[f"probabilities_{t.name}"], t) for t in taxonomy.tasks},
        )
    except KeyError as error:
        raise DataCorruptionError(f"{reference.key}: predictions without the column {error}") from None


def _indices(column: Any, task: Task) -> npt.NDArray[np.int64]:
    numbers = {code: i for i, code in enumerate(task.codes)}
    return np.array([numbers.get(code, -1) for code in column], dtype=np.int64)


def _probabilities(column: Any, task: Task) -> npt.NDArray[np.float64]:
    """[N, C] from a column of lists in class order."""
    return np.array(list(column), dtype=np.float64).reshape(-1, len(task.codes))
