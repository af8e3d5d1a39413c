"""Where a difference comes from: the rarer and the commoner classes, and single confusions. Intervals, no verdicts.

They are not corrected for one another: of many rows some are off zero by chance (`docs/evidence.md`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from saggar.taxonomy import Task, Taxonomy

from saggar_orchestrator.findings.answers import Answers
from saggar_orchestrator.findings.comparison import Difference, difference
from saggar_orchestrator.findings.scores import TrainingCounts, confusions
from saggar_orchestrator.findings.statistics.counting import accuracy_without, count, macro_f1_without
from saggar_orchestrator.findings.statistics.variance_of_difference import LEAST_OBJECTS, Scored

NAMED_CONFUSIONS = 5  # per task, the baseline's most frequent
# The paper's Table 17, by the codes of the shipped taxonomies.
PAPER_CONFUSIONS = (
    ("dynasty", "Yuan", "Song"), ("kiln", "LinC", "Ding"), ("glaze", "IvoryW", "White"), ("glaze", "White", "IvoryW"),
    ("type", "TeaB", "Dish"), ("type", "Pot", "Vase"),
)  # fmt: skip
_ELSEWHERE = -2  # an answer that is no class


def group_differences(
    taxonomy: Taxonomy, arm: Answers, baseline: Answers, training: TrainingCounts
) -> dict[str, dict[str, Any]]:
    """Per task with labels, macro-F1 over its rarer and over its commoner classes (paper, Table 15): both arms' means,
    their difference and its interval. A group without classes is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for task in taxonomy.tasks:
        fixed = count(baseline.true[task.name], baseline.true[task.name], len(task.codes)).fixed
        if not fixed.any():
            continue
        minority = training.minority(task.name, fixed)
        groups = {"minority": minority, "majority": fixed & ~minority}
        found[task.name] = {
            name: _group(task, arm, baseline, classes) for name, classes in groups.items() if classes.any()
        }
    return found


def named_confusions(taxonomy: Taxonomy, arm: Answers, baseline: Answers) -> list[dict[str, Any]]:
    """How often one class is taken for another, in the arm and in the baseline: per task the baseline's most frequent
    confusions, and those that the paper names. Rates are of the true class's images, over all seeds.
    """
    found = []
    for task in taxonomy.tasks:
        before = confusions(baseline, task)
        wrong = before * (1 - np.eye(len(before), dtype=before.dtype))
        order = np.argsort(-wrong, axis=None, kind="stable")[:NAMED_CONFUSIONS]
        often = [divmod(int(place), len(task.codes)) for place in order]
        pairs = [(true, said) for true, said in often if wrong[true, said]]
        pairs += [pair for pair in _of_the_paper(task) if pair not in pairs and before[pair[0]].any()]
        found += [confusion_change(task, true, said, arm, baseline) for true, said in pairs]
    return found


def _of_the_paper(task: Task) -> list[tuple[int, int]]:
    return [
        (task.index(true), task.index(said))
        for name, true, said in PAPER_CONFUSIONS
        if name == task.name and {true, said} <= set(task.codes)
    ]


def confusion_change(task: Task, true: int, said: int, arm: Answers, baseline: Answers) -> dict[str, Any]:
    """Of the images of class `true`, the share that is taken for `said`, in both arms, and the change. `true` must
    have a test image.
    """
    own, against = (_rate(one, task.name, true, said) for one in (arm, baseline))
    change = difference(own, against, arm.folds_of_objects)
    return {
        "task": task.name,
        "true": task.codes[true],
        "taken_for": task.codes[said],
        "images": int((baseline.true[task.name] == true).sum()),
        "baseline": float(against.scores.mean()),
        "arm": float(own.scores.mean()),
        "change": change.mean,
        **_ends(change, int(own.labelled.sum())),
    }


def _group(task: Task, arm: Answers, baseline: Answers, classes: np.ndarray) -> dict[str, Any]:
    own, against = (_of_classes(one, task, classes) for one in (arm, baseline))
    found = difference(own, against, arm.folds_of_objects)
    return {
        "classes": [code for code, of in zip(task.codes, classes, strict=True) if of],
        "baseline": float(against.scores.mean()),
        "arm": float(own.scores.mean()),
        "mean": found.mean,
        **_ends(found, int(own.labelled.sum())),
    }


def _of_classes(answers: Answers, task: Task, classes: np.ndarray) -> Scored:
    """Macro-F1 over `classes`. Every object with a label has a say: it may be taken for one of them."""
    true, of = answers.true[task.name], answers.objects
    every = answers.predicted[task.name]
    return Scored(
        np.array([float(count(true, said, len(task.codes)).f1[classes].mean()) for said in every]),
        np.stack([macro_f1_without(true, said, len(task.codes), of, classes) for said in every]),
        np.bincount(of[true >= 0], minlength=answers.object_count) > 0,
    )


def _rate(answers: Answers, task: str, true: int, said: int) -> Scored:
    """Share of the images of class `true` that are taken for `said`: an accuracy among these images."""
    of_class = answers.true[task] == true
    truth = np.where(of_class, true, -1)
    every = [np.where(given == said, true, _ELSEWHERE) for given in answers.predicted[task]]
    return Scored(
        np.array([float((given == truth)[of_class].mean()) for given in every]),
        np.stack([accuracy_without(truth, given, answers.objects) for given in every]),
        np.bincount(answers.objects[of_class], minlength=answers.object_count) > 0,
    )


def _ends(found: Difference, objects: int) -> dict[str, float | None]:
    """The interval's; none where too few objects could show anything."""
    known = objects >= LEAST_OBJECTS
    return {"low": found.low if known else None, "high": found.high if known else None}
