"""The trainings of one arm, brought together: every seed answers for every test object exactly once.

With folds, each test object is answered by the training of its seed that did not see it; the folds of a seed are put
together, so that what follows knows seeds and objects only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.errors import DataCorruptionError

from saggar_orchestrator.findings.predictions import Predictions


@dataclass(frozen=True)
class Trained:
    """What one training says of the test images of its fold (fold 0 where there is one split for all)."""

    seed: int
    predictions: Predictions
    fold: int = 0


@dataclass(frozen=True)
class Answers:
    """What S seeds of one arm say of the same N test images, images in the order of their names."""

    arm: str
    seeds: tuple[int, ...]  # in the order of the trainings
    images: tuple[str, ...]
    objects: npt.NDArray[np.int64]  # [N] the object of each image, from 0 to G - 1 in the order of their names
    folds: npt.NDArray[np.int64]  # [N]
    true: dict[str, npt.NDArray[np.int64]]  # task -> [N], -1: unknown
    predicted: dict[str, npt.NDArray[np.int64]]  # task -> [S, N]
    places: dict[str, npt.NDArray[np.int64]]  # task -> [S, N]: see `Predictions.place_of_truth`

    @property
    def object_count(self) -> int:
        """G."""
        return int(self.objects.max(initial=-1)) + 1

    @property
    def folds_of_objects(self) -> npt.NDArray[np.int64]:
        """[G]."""
        folds = np.zeros(self.object_count, dtype=np.int64)
        folds[self.objects] = self.folds
        return folds


def bring_together(arm: str, trained: Sequence[Trained]) -> Answers:
    """The answers of all trainings of an arm, folds put together.

    Raises DataCorruptionError when seeds do not answer for the same images, an image is answered twice by one seed, or
    there is no training at all.
    """
    if not trained:
        raise DataCorruptionError(f"arm {arm}: there is no training to score; run the experiment again")
    seeds = tuple(dict.fromkeys(one.seed for one in trained))
    rows = [_of_seed(arm, seed, [one for one in trained if one.seed == seed]) for seed in seeds]
    first = rows[0]
    for seed, row in zip(seeds[1:], rows[1:], strict=True):
        _check_same(f"arm {arm}: seeds {seeds[0]} and {seed}", first, row)
    said = first.predictions
    names = {name: number for number, name in enumerate(sorted(set(said.objects)))}
    return Answers(
        arm=arm,
        seeds=seeds,
        images=said.images,
        objects=np.array([names[name] for name in said.objects], dtype=np.int64),
        folds=first.folds,
        true=said.true,
        predicted={task: np.stack([row.predictions.predicted[task] for row in rows]) for task in said.true},
        places={task: np.stack([row.predictions.place_of_truth(task) for row in rows]) for task in said.true},
    )


def check_same_test(first: Answers, second: Answers) -> None:
    """Raises DataCorruptionError unless both answer for the same images with the same labels and folds."""
    if (
        first.images != second.images
        or not np.array_equal(first.objects, second.objects)
        or not np.array_equal(first.folds, second.folds)
        or any(not np.array_equal(first.true[task], second.true[task]) for task in first.true)
    ):
        raise DataCorruptionError(f"arms {first.arm} and {second.arm} were evaluated on different test images")


@dataclass(frozen=True)
class _Row:
    predictions: Predictions
    folds: npt.NDArray[np.int64]


def _of_seed(arm: str, seed: int, parts: Sequence[Trained]) -> _Row:
    images = np.array([image for part in parts for image in part.predictions.images])
    if len(set(images.tolist())) < len(images):
        raise DataCorruptionError(f"arm {arm}, seed {seed}: a test image is answered twice; folds must not overlap")
    order = np.argsort(images, kind="stable")
    folds = np.concatenate([np.full(len(part.predictions.images), part.fold) for part in parts])
    if len(parts) == 1 and np.array_equal(order, np.arange(len(order))):
        return _Row(parts[0].predictions, folds)
    said = [part.predictions for part in parts]
    objects = np.array([name for one in said for name in one.objects])
    tasks = said[0].true
    return _Row(
        Predictions(
            images=tuple(images[order].tolist()),
            objects=tuple(objects[order].tolist()),
            true={task: np.concatenate([one.true[task] for one in said])[order] for task in tasks},
            predicted={task: np.concatenate([one.predicted[task] for one in said])[order] for task in tasks},
            probabilities={task: np.concatenate([one.probabilities[task] for one in said])[order] for task in tasks},
        ),
        folds[order],
    )


def _check_same(where: str, first: _Row, second: _Row) -> None:
    if first.predictions.images != second.predictions.images or not np.array_equal(first.folds, second.folds):
        raise DataCorruptionError(f"{where} were evaluated on different test images")
