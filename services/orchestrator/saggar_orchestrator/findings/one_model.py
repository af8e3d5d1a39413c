"""How sure the test score of one trained model is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.findings.statistics.counting import Classes, count, macro_f1_without
from saggar_orchestrator.findings.statistics.variance_of_difference import quantile

_LEVEL = 0.95


def interval_of_mean_macro_f1(predictions: Predictions, taxonomy: Taxonomy) -> tuple[float, float] | None:
    """The 95 % interval, within 0 and 1, of macro-F1 averaged over the tasks with a label; none below two objects.

    Over test objects, by the jackknife (Efron and Stein 1981, doi:10.1214/aos/1176345462) and Student's t. It is of
    this model: how much another seed would change is not in it.

    Objects that are all answered rightly don't differ, and a jackknife of them finds no spread. The variance is
    therefore never below that with two more objects of each class in the mean, one answered rightly and one wrongly:
    the pseudo-observations of Agresti and Coull (1998, doi:10.1080/00031305.1998.10480550), by class, for the width
    alone. The middle stays the score.
    """
    objects = np.unique(predictions.objects, return_inverse=True)[1]
    answers = [
        _Answers(predictions.true[task.name], predictions.predicted[task.name], len(task.codes))
        for task in taxonomy.tasks
        if (predictions.true[task.name] >= 0).any()
    ]
    number = len(_labelled(answers, objects))
    if number < 2:
        return None
    more, of_more = _with_one_right_one_wrong(answers, objects)
    error = max(_standard_error(answers, objects), _standard_error(more, of_more))
    mean = float(np.mean([count(*each).macro_f1 for each in answers]))
    reach = quantile((1 + _LEVEL) / 2, len(_labelled(more, of_more)) - 1) * error
    return max(0.0, mean - reach), min(1.0, mean + reach)


class _Answers(NamedTuple):
    """To one task: classes [N] and how many classes there are."""

    true: Classes
    said: Classes
    classes: int


def _labelled(answers: Sequence[_Answers], objects: Classes) -> Classes:
    """Numbers of the objects [N] that have a label in any task."""
    known = np.zeros(len(objects), dtype=bool)
    for each in answers:
        known |= each.true >= 0
    return np.unique(objects[known])


def _standard_error(answers: Sequence[_Answers], objects: Classes) -> float:
    """The jackknife's, of macro-F1 averaged over tasks."""
    change = np.mean([macro_f1_without(*each, objects) for each in answers], axis=0)[_labelled(answers, objects)]
    return math.sqrt((len(change) - 1) / len(change) * float(((change - change.mean()) ** 2).sum()))


def _with_one_right_one_wrong(answers: Sequence[_Answers], objects: Classes) -> tuple[list[_Answers], Classes]:
    """With two more objects per class that occurs, as often photographed as the others are: (answers, objects).

    The wrong one is taken for the next class that occurs. Tasks share these objects, as if their errors came together.
    """
    occurring = [np.flatnonzero(count(*each).fixed) for each in answers]
    most = max(len(classes) for classes in occurring)
    known = np.any([each.true >= 0 for each in answers], axis=0)
    photographs = max(1, round(int(known.sum()) / len(_labelled(answers, objects))))
    more = []
    for each, classes in zip(answers, occurring, strict=True):
        true, said = np.full((2, most), -1), np.full((2, most), -1)
        true[:, : len(classes)] = said[:, : len(classes)] = classes
        said[1, : len(classes)] = np.roll(classes, -1) if len(classes) > 1 else (classes + 1) % each.classes
        truth, answer = (values.ravel().repeat(photographs) for values in (true, said))
        more.append(_Answers(np.concatenate([each.true, truth]), np.concatenate([each.said, answer]), each.classes))
    numbers = int(objects.max()) + 1 + np.arange(2 * most).repeat(photographs)
    return more, np.concatenate([objects, numbers])
