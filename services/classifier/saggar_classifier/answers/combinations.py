"""The most probable classes that the taxonomy says can go together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Combination, Taxonomy

_LEAST = 1e-30  # whose logarithm is taken, in place of 0


@dataclass(frozen=True)
class JointCombination:
    """`labels`: code by task. `probability` as though tasks did not depend on each other."""

    labels: Mapping[str, str]
    probability: float
    best_classes_agree: bool


class JointSearch:
    """Finds it for one taxonomy, whose combinations are boxes: any of these codes of one task with any of another's.

    The best of all allowed labels is the best within some box, and within a box every task is chosen for itself.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._codes = {task.name: task.codes for task in taxonomy.tasks}
        self._boxes = [self._box(one) for one in taxonomy.combinations]

    def best(self, probabilities: Mapping[str, npt.NDArray[np.floating]]) -> JointCombination | None:
        """Probabilities [C] per task. None for a taxonomy that does not say what goes together."""
        if not self._boxes:
            return None
        # Lists, for of so few numbers NumPy takes ten times as long.
        logs = {
            task: [math.log(max(value, _LEAST)) for value in values.tolist()] for task, values in probabilities.items()
        }
        free = {task: max(range(len(values)), key=values.__getitem__) for task, values in logs.items()}
        most, chosen = -math.inf, free
        for box in self._boxes:
            labels = free | {task: max(allowed, key=logs[task].__getitem__) for task, allowed in box.items()}
            total = sum(logs[task][index] for task, index in labels.items())
            if total > most:
                most, chosen = total, labels
        probability = math.prod(float(probabilities[task][index]) for task, index in chosen.items())
        named = {task: self._codes[task][index] for task, index in chosen.items()}
        return JointCombination(named, probability, chosen == free)

    def _box(self, one: Combination) -> dict[str, list[int]]:
        return {task: [self._codes[task].index(code) for code in codes] for task, codes in one.labels.items()}
