"""Scores with other objects drawn: what a validation split of so many objects can show. A bootstrap over objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit  # type: ignore[import-untyped]

from saggar_trainer.data.rows import UNKNOWN, Indices

RESAMPLES = 1000

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def tables(scores: Float32, truth: Indices, objects: Indices, count: int) -> Float64:
    """[O, C, C] confusion matrices of `count` objects O, true by predicted.

    Scores [N, C] and truth [N] (UNKNOWN left out) of photographs, and their objects' numbers [N] below O.
    """
    known, size = truth != UNKNOWN, scores.shape[1]
    found = np.zeros((count, size, size))
    np.add.at(found, (objects[known], truth[known], scores[known].argmax(1)), 1)
    return found


def drawn(of_objects: Float64) -> Float64:
    """[RESAMPLES, C, C] sums of as many confusion matrices [O, C, C] as there are, drawn with replacement; the same
    draws every time.
    """
    count = len(of_objects)
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)
    return (draws @ of_objects.reshape(count, -1)).reshape(RESAMPLES, *of_objects.shape[1:])


def macro_f1_and_top_1(matrices: Float64, occurs: npt.NDArray[np.bool_]) -> tuple[Float64, Float64]:
    """(macro-F1 over the classes where `occurs` [C], top-1) of confusion matrices [B, C, C], true by predicted.

    A class that a draw leaves without an object has F1 0 and stays in the mean.
    """
    right = np.diagonal(matrices, axis1=1, axis2=2)
    actual, predicted = matrices.sum(2), matrices.sum(1)
    f1 = 2 * right / np.maximum(actual + predicted, 1)
    return f1[:, occurs].mean(1), right.sum(1) / np.maximum(actual.sum(1), 1)


def reaches(of_objects: Float64) -> tuple[float, float]:
    """How far the 95 % intervals of macro-F1 and top-1 reach to either side, of objects' confusion matrices [O, C, C]:
    Student's t times the bootstrap's standard error.

    Objects that are all answered rightly don't differ, and a bootstrap of them finds no spread. The error is therefore
    never below that with two more objects of each class that occurs, one answered rightly and one wrongly: the
    pseudo-observations of Agresti and Coull (1998, doi:10.1080/00031305.1998.10480550), by class, for the width alone.
    """
    occurs = of_objects.sum((0, 2)) > 0
    more = np.concatenate([of_objects, _one_right_one_wrong(occurs) * of_objects.sum() / len(of_objects)])
    spreads = [[float(values.std()) for values in macro_f1_and_top_1(drawn(of), occurs)] for of in (of_objects, more)]
    f1, top_1 = (float(stdtrit(len(more) - 1, 0.975)) * max(each) for each in zip(*spreads, strict=True))
    return f1, top_1


def _one_right_one_wrong(occurs: npt.NDArray[np.bool_]) -> Float64:
    """[2 K, C, C] of the K classes where `occurs` [C]; the wrong one is taken for the next class that occurs."""
    (classes,) = np.nonzero(occurs)
    others = np.roll(classes, -1) if len(classes) > 1 else (classes + 1) % len(occurs)
    added = np.zeros((2 * len(classes), len(occurs), len(occurs)))
    added[np.arange(len(added)), np.tile(classes, 2), np.concatenate([classes, others])] = 1
    return added


def drop_between(
    before: Mapping[str, Float32], after: Mapping[str, Float32], truth: Mapping[str, Indices], object_ids: Sequence[str]
) -> tuple[float, float, int]:
    """(low, high, objects): the 95 % interval of how far macro-F1 falls, mean over tasks, both networks asked about the
    same objects; of objects with a label in any task.

    `high` is never below 3 / objects: up to there may lie the share of answers that change for the worse where none of
    so many did (the rule of three, Hanley and Lippman-Hand 1983, doi:10.1001/jama.1983.03330370053031). A bootstrap
    draws no change that the objects don't show, so it says nothing of them.
    """
    tasks = [task for task in before if (truth[task] != UNKNOWN).any()]
    known = np.any([truth[task] != UNKNOWN for task in tasks], axis=0) if tasks else np.zeros(len(object_ids), bool)
    if not known.any():
        return 0.0, 1.0, 0
    names, objects = np.unique(np.asarray(object_ids, str)[known], return_inverse=True)
    falls = []
    for task in tasks:
        labels = truth[task][known]
        occurs = np.isin(np.arange(before[task].shape[1]), labels)
        old, new = (
            macro_f1_and_top_1(drawn(tables(network[task][known], labels, objects, len(names))), occurs)[0]
            for network in (before, after)
        )
        falls.append(old - new)
    low, high = np.percentile(np.mean(falls, axis=0), [2.5, 97.5]).tolist()
    return low, max(high, 3 / len(names)), len(names)
