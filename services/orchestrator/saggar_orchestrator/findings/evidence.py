"""What the predictions on the test split show: scores, and how sure a difference between two arms is.

Pure numpy. A class is an index from 0; an unknown label is -1 and takes no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Classes = npt.NDArray[np.int64]  # [N]
RESAMPLES = 2000


@dataclass(frozen=True)
class Difference:
    """Arm minus baseline of one score: mean over seeds, and the 95 % bootstrap interval over test objects."""

    mean: float
    low: float
    high: float
    verdict: str  # helped, worse, unclear


def confusion(true: Classes, predicted: Classes, classes: int) -> npt.NDArray[np.int64]:
    """[C, C] counts, true class down, predicted class across; rows of unknown truth are left out."""
    known = true >= 0
    flat = true[known] * classes + predicted[known]
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def class_f1(matrix: npt.NDArray[np.floating] | npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """F1 per class, [..., C], of confusion matrices [..., C, C]; 0 for a class that does not occur."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)
    both = matrix.sum(axis=-1) + matrix.sum(axis=-2)
    f1 = np.zeros_like(hits)
    np.divide(2 * hits, both, out=f1, where=both > 0)
    return f1


def macro_f1(matrix: npt.NDArray[np.floating] | npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Mean F1 over the classes that occur in the truth, [...]; others have no recall to speak of."""
    present = matrix.sum(axis=-1) > 0
    total = (class_f1(matrix) * present).sum(axis=-1)
    return np.asarray(total / np.maximum(present.sum(axis=-1), 1))


def accuracy(matrix: npt.NDArray[np.floating] | npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Share of hits, [...]; 0 where nothing is known."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).sum(axis=-1)
    return np.asarray(hits / np.maximum(matrix.sum(axis=(-2, -1)), 1))


def paired_bootstrap(
    truth: Sequence[Classes],
    arm: Sequence[Sequence[Classes]],
    baseline: Sequence[Sequence[Classes]],
    classes: Sequence[int],
    objects: Classes,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, list[Difference]]:
    """Differences in macro-F1 and accuracy, per task and (last) averaged over tasks.

    truth[task]: [N]; arm[seed][task] and baseline[seed][task]: [N] predicted classes, seeds in pairs;
    objects: [N] numbers the object of each image: photographs of one object are drawn together (cluster
    bootstrap; Efron and Tibshirani 1993, chapter 8). The interval covers the choice of test objects, not that
    of training seeds.
    """
    rng = np.random.default_rng(seed)
    distinct, member = np.unique(objects, return_inverse=True)
    draws = rng.multinomial(len(distinct), np.full(len(distinct), 1 / len(distinct)), size=resamples)
    weights = np.concatenate([np.ones((1, len(objects))), draws[:, member]])  # [1 + B, N]; row 0: as observed

    scores: dict[str, list[npt.NDArray[np.float64]]] = {"macro_f1": [], "accuracy": []}  # per task: [1 + B]
    for task, true in enumerate(truth):
        gains: dict[str, list[npt.NDArray[np.float64]]] = {"macro_f1": [], "accuracy": []}
        for ours, theirs in zip(arm, baseline, strict=True):
            first = _weighted_confusion(true, ours[task], classes[task], weights)
            second = _weighted_confusion(true, theirs[task], classes[task], weights)
            gains["macro_f1"].append(macro_f1(first) - macro_f1(second))
            gains["accuracy"].append(accuracy(first) - accuracy(second))
        for name, values in gains.items():
            scores[name].append(np.mean(values, axis=0))
    return {
        name: [_difference(values) for values in (*per_task, np.mean(per_task, axis=0))]
        for name, per_task in scores.items()
    }


def _weighted_confusion(
    true: Classes, predicted: Classes, classes: int, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """[B, C, C] for weights [B, N]: images of one cell are added up by one matrix product."""
    known = true >= 0
    cells = np.zeros((int(known.sum()), classes * classes))
    cells[np.arange(len(cells)), true[known] * classes + predicted[known]] = 1.0
    return (weights[:, known] @ cells).reshape(len(weights), classes, classes)


def _difference(values: npt.NDArray[np.float64]) -> Difference:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    verdict = "helped" if low > 0 else "worse" if high < 0 else "unclear"
    return Difference(float(values[0]), float(low), float(high), verdict)
