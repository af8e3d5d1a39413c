"""Scores of one arm on the test objects, as plain values for results.json: every score per seed, with mean and s.d.

Probabilities, classes and averages follow scikit-learn; macro means run over the fixed classes of `counting`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Task, Taxonomy

from saggar_orchestrator.findings.answers import Answers
from saggar_orchestrator.findings.statistics.counting import ClassCounts, Classes, Values, confusion, count

TOP = 5  # top-5 says something of tasks with more classes than that
RARE_AT_MOST = 5  # real training photographs of a combination that is rare: the plan's default


@dataclass(frozen=True)
class TrainingCounts:
    """What the test objects are set against: real training photographs."""

    classes: Mapping[str, Sequence[int]]  # task -> photographs per class
    rare: frozenset[str]  # test images of a combination with at most RARE_AT_MOST training photographs

    def minority(self, task: str, fixed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """[C] of the fixed classes, the rarer half: those with no more training photographs than their median (the
        paper's Table 15).
        """
        counts = np.asarray(self.classes[task])
        return fixed & (counts <= np.median(counts[fixed])) if fixed.any() else fixed


def rare_images(
    images: Sequence[str],
    labels: Mapping[str, Classes],
    training: Mapping[str, Classes],
    at_most: int = RARE_AT_MOST,
) -> frozenset[str]:
    """Those of N test images whose combination of labels has at most so many photographs in training, or none; images
    with an unknown label are left out. Both: task -> class numbers, of [N] test and [M] training photographs.
    """
    tasks = sorted(labels)
    seen = Counter(zip(*(training[task].tolist() for task in tasks), strict=True))
    rows = zip(*(labels[task].tolist() for task in tasks), strict=True)
    return frozenset(image for image, row in zip(images, rows, strict=True) if min(row) >= 0 and seen[row] <= at_most)


def arm_scores(taxonomy: Taxonomy, answers: Answers, training: TrainingCounts) -> dict[str, Any]:
    """Scores of every task, their means over tasks with labels, and the recall of rare combinations."""
    tasks = [_task_scores(task, answers, training) for task in taxonomy.tasks]
    measured = [task for task in tasks if task["n"] > 0]

    def means(score: str) -> list[float]:
        runs = range(len(answers.seeds))
        return [float(np.mean([task["runs"][i][score] for task in measured])) if measured else 0.0 for i in runs]

    return {
        "tasks": tasks,
        "mean_macro_f1": spread(means("macro_f1")) | {"runs": means("macro_f1")},
        "mean_accuracy": spread(means("accuracy")) | {"runs": means("accuracy")},
        "rare_combinations": _rare_recall(taxonomy, answers, training.rare),
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean and sample s.d. over seeds (none for one seed)."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": sd}


def _task_scores(task: Task, answers: Answers, training: TrainingCounts) -> dict[str, Any]:
    """A task without labelled test images has n = 0 and scores of 0."""
    true = answers.true[task.name]
    counts = [count(true, said, len(task.codes)) for said in answers.predicted[task.name]]
    fixed, support = counts[0].fixed, counts[0].true
    minority = training.minority(task.name, fixed)
    runs = [
        {
            "macro_f1": one.macro_f1,
            "weighted_f1": one.weighted_f1,
            "accuracy": one.accuracy,
            "top5": _top(places, TOP) if len(task.codes) > TOP else None,
            "minority_f1": _mean_f1(one, minority),
            "majority_f1": _mean_f1(one, fixed & ~minority),
        }
        for one, places in zip(counts, answers.places[task.name], strict=True)
    ]
    n = int(support.sum())
    scored = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        "task": task.name,
        "n": n,
        "objects": len(np.unique(answers.objects[true >= 0])),
        "support": support.tolist(),
        "averaged_over": [code for code, of in zip(task.codes, fixed, strict=True) if of],
        "minority": [code for code, of in zip(task.codes, minority, strict=True) if of],
        "commonest_share": float(support.max(initial=0) / max(1, n)),
        **{name: spread(values) if None not in values else None for name, values in scored.items()},  # type: ignore[arg-type]
        "class_precision": _over_seeds([one.precision for one in counts]),
        "class_recall": _over_seeds([one.recall for one in counts]),
        "class_f1": _over_seeds([one.f1 for one in counts]),
        "confusion": confusions(answers, task).tolist(),  # added up over seeds
        "runs": runs,
    }


def confusions(answers: Answers, task: Task) -> npt.NDArray[np.int64]:
    """[C, C] added up over seeds."""
    true = answers.true[task.name]
    found = [confusion(true, said, len(task.codes)) for said in answers.predicted[task.name]]
    return np.asarray(np.sum(found, axis=0))


def _top(places: Classes, k: int) -> float:
    """Share of images whose true class is among the k most probable; 0 when no label is known."""
    known = places[places >= 0]
    return float((known < k).mean()) if len(known) else 0.0


def _mean_f1(counts: ClassCounts, classes: npt.NDArray[np.bool_]) -> float | None:
    return float(counts.f1[classes].mean()) if classes.any() else None


def _over_seeds(values: Sequence[Values]) -> list[float]:
    return np.mean(values, axis=0).tolist()  # type: ignore[no-any-return]


def _rare_recall(taxonomy: Taxonomy, answers: Answers, images_of_rare: frozenset[str]) -> dict[str, Any]:
    """Share of the test images of rare combinations whose every label is right; `recall` is None without any."""
    rare = np.array([image in images_of_rare for image in answers.images], dtype=bool)
    images = int(rare.sum())
    recall = None
    if images:
        right = [answers.predicted[task][:, rare] == answers.true[task][rare] for task in taxonomy.task_names]
        recall = spread(np.all(right, axis=0).mean(axis=1).tolist())
    return {"images": images, "at_most": RARE_AT_MOST, "recall": recall}
