"""How sure the test score of one trained model is."""

from __future__ import annotations

import math

import numpy as np
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.findings.statistics.counting import count, macro_f1_without
from saggar_orchestrator.findings.statistics.variance_of_difference import quantile

_LEVEL = 0.95


def interval_of_mean_macro_f1(predictions: Predictions, taxonomy: Taxonomy) -> tuple[float, float] | None:
    """The 95 % interval, within 0 and 1, of macro-F1 averaged over the tasks with a label; none below two objects.

    Over test objects, by the jackknife (Efron and Stein 1981, doi:10.1214/aos/1176345462) and Student's t. It is of
    this model: how much another seed would change is not in it.
    """
    _, objects = np.unique(predictions.objects, return_inverse=True)
    tasks = [task for task in taxonomy.tasks if (predictions.true[task.name] >= 0).any()]
    if not tasks:
        return None
    scores, without = [], []
    labelled = np.zeros(int(objects.max()) + 1, dtype=bool)
    for task in tasks:
        true, said, classes = predictions.true[task.name], predictions.predicted[task.name], len(task.codes)
        scores.append(count(true, said, classes).macro_f1)
        without.append(macro_f1_without(true, said, classes, objects))
        labelled[objects[true >= 0]] = True
    number = int(labelled.sum())
    if number < 2:
        return None
    change = np.mean(without, axis=0)[labelled]  # [G]
    error = math.sqrt((number - 1) / number * float(((change - change.mean()) ** 2).sum()))
    mean, reach = float(np.mean(scores)), quantile((1 + _LEVEL) / 2, number - 1) * error
    return max(0.0, mean - reach), min(1.0, mean + reach)
