"""Predictions on one split, as the trainer stored them, as arrays of class numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable
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
    objects: tuple[str, ...]  # the object that each image shows
    true: dict[str, npt.NDArray[np.int64]]
    predicted: dict[str, npt.NDArray[np.int64]]
    probabilities: dict[str, npt.NDArray[np.float32]]

    def place_of_truth(self, task: str) -> npt.NDArray[np.int64]:
        """[N] how many classes are more probable than the true one: 0 is top-1, below 5 is top-5; -1 where the truth
        is unknown. Among equally probable classes the first counts as more probable, as for `predicted`.
        """
        true, probabilities = self.true[task], self.probabilities[task]
        own = np.take_along_axis(probabilities, np.maximum(true, 0)[:, None], axis=1)  # [N, 1]
        before = np.arange(probabilities.shape[1]) < true[:, None]  # [N, C]
        ahead = (probabilities > own) | ((probabilities == own) & before)
        return np.where(true >= 0, ahead.sum(axis=1), -1)


def read_predictions(store: ObjectStore, reference: ObjectRef, taxonomy: Taxonomy) -> Predictions:
    """The stored predictions, sorted by image so that runs pair up.

    A task without any column was not taught, so the model does not answer it: all of its truths count as unknown.
    DataCorruptionError when only some of a task's columns are there.
    """
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(store.read(reference))).sort_values("image", kind="stable")
    true, predicted, probabilities = {}, {}, {}
    try:
        for task in taxonomy.tasks:
            name = task.name
            if not {f"true_{name}", f"predicted_{name}", f"probabilities_{name}"} & set(frame.columns):
                true[name] = predicted[name] = np.full(len(frame), -1, dtype=np.int64)
                probabilities[name] = np.zeros((len(frame), len(task.codes)), dtype=np.float32)
                continue
            true[name] = class_numbers(frame[f"true_{name}"], task)
            predicted[name] = class_numbers(frame[f"predicted_{name}"], task)
            probabilities[name] = _probabilities(frame[f"probabilities_{name}"], task)
        return Predictions(tuple(frame["image"]), tuple(frame["object_id"]), true, predicted, probabilities)
    except KeyError as error:
        raise DataCorruptionError(f"{reference.key}: predictions without the column {error}") from None


def class_numbers(column: Iterable[str | None], task: Task) -> npt.NDArray[np.int64]:
    """[N] the number of each code among the task's classes; -1 for what is none, as for an unknown label."""
    numbers = {code: i for i, code in enumerate(task.codes)}
    return np.array([-1 if code is None else numbers.get(code, -1) for code in column], dtype=np.int64)


def _probabilities(column: Any, task: Task) -> npt.NDArray[np.float32]:
    """[N, C] from a column of lists in class order."""
    return np.array(list(column), dtype=np.float32).reshape(-1, len(task.codes))
