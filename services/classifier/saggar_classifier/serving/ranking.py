"""From probabilities to the most probable classes with their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Taxonomy


@dataclass(frozen=True)
class RankedClass:
    """`code` and English `name` of a class with its probability."""

    code: str
    name: str
    probability: float


def top_classes(
    probabilities: Mapping[str, npt.NDArray[np.floating]], taxonomy: Taxonomy, top_k: int
) -> dict[str, tuple[RankedClass, ...]]:
    """Per task, in the taxonomy's order, the `top_k` most probable classes (all, if there are fewer).

    Equal probabilities keep the taxonomy's order.
    """

    def ranked(task: str) -> tuple[RankedClass, ...]:
        classes, values = taxonomy.task(task).classes, probabilities[task]
        order = np.argsort(-values, kind="stable")[:top_k]
        return tuple(RankedClass(classes[i].code, classes[i].names.en, float(values[i])) for i in order)

    return {task: ranked(task) for task in taxonomy.task_names}
