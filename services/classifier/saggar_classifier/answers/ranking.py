"""From probabilities to the most probable classes with their names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Task, TaxonomyClass


@dataclass(frozen=True)
class RankedClass:
    """A class with its probability."""

    entry: TaxonomyClass
    probability: float


def top_classes(probabilities: npt.NDArray[np.floating], task: Task, top_k: int) -> tuple[RankedClass, ...]:
    """The `top_k` most probable classes (all, if there are fewer). Equal ones keep the taxonomy's order.

    probabilities [C].
    """
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return tuple(RankedClass(task.classes[i], float(probabilities[i])) for i in order)
