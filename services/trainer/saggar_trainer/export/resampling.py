"""Scores with other objects drawn: what a validation split of so many objects can show. A bootstrap over objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from saggar_trainer.data.rows import UNKNOWN, Indices

RESAMPLES = 1000

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def confusions(scores: Float32, truth: Indices, objects: Indices, draws: Float64) -> Float64:
    """[B, C, C] confusion matrices, true by predicted, of B draws of objects.

    Scores [N, C] and truth [N] (UNKNOWN left out) of photographs, their objects' numbers [N] below O, and how often
    each draw takes each object [B, O].
    """
    known, size = truth != UNKNOWN, scores.shape[1]
    tables = np.zeros((draws.shape[1], size * size))  # a confusion matrix per object
    np.add.at(tables, (objects[known], truth[known] * size + scores[known].argmax(1)), 1)
    return (draws @ tables).reshape(len(draws), size, size)


def drawn(objects: int) -> Float64:
    """[RESAMPLES, objects] how often each object is taken; the same every time."""
    return np.random.default_rng(0).multinomial(objects, np.full(objects, 1 / objects), RESAMPLES).astype(np.float64)


def macro_f1_and_top_1(matrices: Float64) -> tuple[Float64, Float64]:
    """(macro-F1 over the classes that occur in the truth, top-1) of confusion matrices [B, C, C], true by predicted."""
    right = np.diagonal(matrices, axis1=1, axis2=2)
    actual, predicted = matrices.sum(2), matrices.sum(1)
    f1 = 2 * right / np.maximum(actual + predicted, 1)
    occurs = actual > 0
    macro = (f1 * occurs).sum(1) / np.maximum(occurs.sum(1), 1)
    return macro, right.sum(1) / np.maximum(actual.sum(1), 1)


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
    names, objects = np.unique(np.where(known, np.asarray(object_ids, str), ""), return_inverse=True)
    start = int(names[0] == "" and not known.all())  # a first number for photographs without any label
    count = len(names) - start
    draws = drawn(count)
    if start:
        draws = np.concatenate([np.zeros((len(draws), 1)), draws], axis=1)
    falls = [
        macro_f1_and_top_1(confusions(before[task], truth[task], objects, draws))[0]
        - macro_f1_and_top_1(confusions(after[task], truth[task], objects, draws))[0]
        for task in tasks
    ]
    low, high = np.percentile(np.mean(falls, axis=0), [2.5, 97.5]).tolist()
    return low, max(high, 3 / count), count
