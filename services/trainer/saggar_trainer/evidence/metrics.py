"""Classification metrics of one task, and their mean over tasks.

Macro and weighted averages run over the classes that are present in the evaluated truth: a class without a
single true image has no recall to speak of, and counting it as 0 would make a score depend on the taxonomy's
length. Images that are wrongly given such a class still lower the recall of their true class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.errors import InvalidInputError

from saggar_trainer.data.rows import UNKNOWN, Indices


@dataclass(frozen=True)
class TaskMetrics:
    """Metrics over the `n` images whose true class is known; the arrays run over all C classes."""

    n: int
    top_1: float
    top_5: float
    macro_f1: float
    weighted_f1: float
    support: Indices  # [C]
    precision: npt.NDArray[np.float64]  # [C], 0 where a class was never predicted
    recall: npt.NDArray[np.float64]  # [C], 0 where a class is not in the truth
    f1: npt.NDArray[np.float64]  # [C]
    confusion: Indices  # [C, C], true class by predicted class

    def to_dict(self, codes: Sequence[str]) -> dict[str, Any]:
        """JSON-ready; `codes` name the C classes."""
        per_class = [
            {
                "code": code,
                "n": int(self.support[i]),
                "precision": float(self.precision[i]),
                "recall": float(self.recall[i]),
                "f1": float(self.f1[i]),
            }
            for i, code in enumerate(codes)
        ]
        return {
            "n": self.n,
            "top_1": self.top_1,
            "top_5": self.top_5,
            "macro_f1": self.macro_f1,
            "weighted_f1": self.weighted_f1,
            "classes_present": int(np.count_nonzero(self.support)),
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
        }


def task_metrics(truth: Indices, probabilities: npt.NDArray[np.floating[Any]]) -> TaskMetrics | None:
    """Metrics of one task, or None when no true class is known.

    `truth` [N] holds class indices, UNKNOWN where the label is unknown; `probabilities` [N, C] any scores
    that rank.
    """
    if truth.ndim != 1 or probabilities.ndim != 2 or len(truth) != len(probabilities):
        shapes = f"{truth.shape} and {probabilities.shape}"
        raise InvalidInputError(f"truth must be [N] and probabilities [N, C]; they are {shapes}")
    known = truth != UNKNOWN
    truth, probabilities = truth[known], probabilities[known]
    n, classes = len(truth), probabilities.shape[1]
    if n == 0:
        return None
    ranking = np.argsort(-probabilities, axis=1, kind="stable")  # [n, C], ties: the first class wins
    predicted = ranking[:, 0]
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (truth, predicted), 1)

    hits = np.diagonal(confusion).astype(np.float64)  # [C]
    support = confusion.sum(axis=1)
    precision = _ratio(hits, confusion.sum(axis=0))
    recall = _ratio(hits, support)
    f1 = _ratio(2 * hits, support + confusion.sum(axis=0))
    present = support > 0
    return TaskMetrics(
        n=n,
        top_1=float(hits.sum() / n),
        top_5=float(np.mean((ranking[:, :5] == truth[:, None]).any(axis=1))),
        macro_f1=float(f1[present].mean()),
        weighted_f1=float(np.average(f1, weights=support)),
        support=support,
        precision=precision,
        recall=recall,
        f1=f1,
        confusion=confusion,
    )


def mean_macro_f1(by_task: Mapping[str, TaskMetrics | None]) -> float:
    """Mean of the tasks' macro-F1; those without a known label take no part; InvalidInputError if all are."""
    scores = [metrics.macro_f1 for metrics in by_task.values() if metrics is not None]
    if not scores:
        raise InvalidInputError("no image of this split has a known label, so nothing can be scored")
    return float(np.mean(scores))


def _ratio(numerator: npt.NDArray[np.float64], denominator: Indices) -> npt.NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
