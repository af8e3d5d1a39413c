"""Scores of answers to one task, and what each object contributes to them.

A class is a number from 0; an unknown label is -1 and takes no part. Macro-F1 is the mean of F1 over a fixed set of
classes: those with a labelled test object, the same for all arms, seeds and folds. Where a score would be 0 / 0 (the
precision of a class that is never predicted) it is 0: scikit-learn's `zero_division=0` with `labels` the fixed set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Classes = npt.NDArray[np.int64]  # [N]
Values = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClassCounts:
    """Of every class, [C]: answers that are right, objects that are of it, and answers that name it."""

    hits: Classes
    true: Classes
    predicted: Classes

    @property
    def fixed(self) -> npt.NDArray[np.bool_]:
        """[C] the classes that macro means run over: those that occur in the truth."""
        return self.true > 0

    @property
    def precision(self) -> Values:
        """[C]."""
        return _ratio(self.hits, self.predicted)

    @property
    def recall(self) -> Values:
        """[C]."""
        return _ratio(self.hits, self.true)

    @property
    def f1(self) -> Values:
        """[C]."""
        return _ratio(2 * self.hits, self.true + self.predicted)

    @property
    def macro_f1(self) -> float:
        """Over the fixed classes; 0 when no label is known."""
        return float(self.f1[self.fixed].mean()) if self.fixed.any() else 0.0

    @property
    def weighted_f1(self) -> float:
        """Over the fixed classes, by their number of test images; 0 when no label is known."""
        return float(self.f1 @ self.true / max(1, self.true.sum()))

    @property
    def accuracy(self) -> float:
        """Share of right answers; 0 when no label is known."""
        return float(self.hits.sum() / max(1, self.true.sum()))


def count(true: Classes, predicted: Classes, classes: int) -> ClassCounts:
    """Counts over the images whose label is known; true and predicted: [N]."""
    known = true >= 0
    truth, answer = true[known], predicted[known]
    return ClassCounts(
        hits=np.bincount(truth[truth == answer], minlength=classes),
        true=np.bincount(truth, minlength=classes),
        predicted=np.bincount(answer, minlength=classes),
    )


def confusion(true: Classes, predicted: Classes, classes: int) -> npt.NDArray[np.int64]:
    """[C, C] counts, true class down, predicted class across; images of unknown label are left out."""
    known = true >= 0
    flat = true[known] * classes + predicted[known]
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def macro_f1_without(
    true: Classes, predicted: Classes, classes: int, objects: Classes, over: npt.NDArray[np.bool_] | None = None
) -> Values:
    """[G] how macro-F1 over the fixed classes changes when one object, with all its images, is left out.

    objects: [N] the object of each image, numbered from 0 to G - 1; over: [C] the classes of the mean, all fixed ones
    where it is left out. A class that loses its last object has F1 0 and stays in the mean. Exact, in O(N log N) time
    and O(N) memory: an object touches only the classes that it is of or is taken for.
    """
    counts = count(true, predicted, classes)
    meant = counts.fixed if over is None else over
    known = np.flatnonzero(true >= 0)
    truth, answer, of = true[known], predicted[known], objects[known]
    hit = (truth == answer).astype(np.int64)
    cells, place = np.unique(np.concatenate([of * classes + truth, of * classes + answer]), return_inverse=True)
    both = np.bincount(place, minlength=len(cells))  # true + predicted that go with the object
    hits = np.bincount(place[: len(known)], weights=hit, minlength=len(cells))
    owner, touched = np.divmod(cells, classes)
    left = _ratio(2 * (counts.hits[touched] - hits), (counts.true + counts.predicted)[touched] - both)
    change = (left - counts.f1[touched]) * meant[touched]
    summed = np.bincount(owner, weights=change, minlength=int(objects.max(initial=-1)) + 1)
    return np.asarray(summed / max(1, int(meant.sum())))


def accuracy_without(true: Classes, predicted: Classes, objects: Classes) -> Values:
    """[G] how accuracy changes when one object, with all its images, is left out; objects as above."""
    known = true >= 0
    size = int(objects.max(initial=-1)) + 1
    hits = np.bincount(objects[known], weights=(true == predicted)[known], minlength=size)
    images = np.bincount(objects[known], minlength=size)
    n, right = int(known.sum()), float(hits.sum())
    rest: Values = right - hits.astype(np.float64)
    return _ratio(rest, n - images) - right / max(1, n)


def _ratio(above: Numbers, below: Numbers) -> Values:
    """The quotient, and 0 where `below` is 0."""
    found = np.zeros(np.broadcast(above, below).shape)
    np.divide(above, below, out=found, where=below > 0)
    return found
