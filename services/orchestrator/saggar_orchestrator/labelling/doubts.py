"""Doubted labels of a data set: what models contradict, and nearly equal pictures with different labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from saggar.dataset.manifest import Manifest
from saggar.duplicates.perceptual import look_alike, thumbnail
from saggar.duplicates.search import SURE_BITS, close_pairs, pack
from saggar.images import decode
from saggar.proposals.doubts.table import Doubt, Piece

from saggar_orchestrator.labelling.held_out import UNKNOWN, HeldOut
from saggar_orchestrator.labelling.label_errors import suspected

_THUMBNAILS = 1024  # kept while near-duplicates are compared; 12 KB each
_TWINS = 3  # shown of one photograph

Twins = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True)
class Doubts:
    """What is doubted of a data set, the surest first, tasks in the taxonomy's order."""

    doubts: tuple[Doubt, ...]
    photographs: int
    tested: int  # of them, by a model that has not seen them
    labels: Mapping[str, int]  # by task: labels that were tested


def find_doubts(held: HeldOut, picture: Callable[[str], bytes]) -> Doubts:
    """All doubted labels. `picture` gives the bytes of an image by its store key, one at a time."""
    twins = near_duplicates(held.manifest, picture)
    found = [doubt for task in held.taxonomy.task_names for doubt in _of_task(held, task, twins)]
    labels = {task: int((held.tested & (numbers != UNKNOWN)).sum()) for task, numbers in held.labels.items()}
    return Doubts(tuple(found), len(held.manifest), int(held.tested.sum()), labels)


def near_duplicates(manifest: Manifest, picture: Callable[[str], bytes]) -> Twins:
    """By row, the rows of nearly the same picture. As the importer: few different bits of a hash, or equal pixels."""
    frame = manifest.frame
    hashed = np.flatnonzero(frame["phash"].notna().to_numpy())
    keys = list(frame["image"])

    @lru_cache(maxsize=_THUMBNAILS)
    def small(row: int) -> npt.NDArray[np.float32]:
        return thumbnail(decode(picture(keys[row]), keys[row]).convert("RGB"))

    found: dict[int, list[int]] = defaultdict(list)
    for first, second, bits in close_pairs(pack(list(frame["phash"].iloc[hashed]))).tolist():
        one, other = int(hashed[first]), int(hashed[second])
        if bits <= SURE_BITS or look_alike(small(one), small(other)):
            found[one].append(other)
            found[other].append(one)
    return {row: tuple(others) for row, others in found.items()}


def _of_task(held: HeldOut, task: str, twins: Twins) -> Iterator[Doubt]:
    labels, probabilities = held.labels[task], held.probabilities[task]
    asked = np.where(held.tested, labels, UNKNOWN)
    by_model = {
        row: proposed
        for row in suspected(asked, probabilities).tolist()
        if (proposed := int(probabilities[row].argmax())) != labels[row]
    }
    by_twin = dict(_contradicted(held, task, twins, set(by_model)))
    for row in [*by_model, *(row for row in by_twin if row not in by_model)]:
        proposed = by_model.get(row, by_twin.get(row, UNKNOWN))
        yield _doubt(held, task, row, proposed, by_model=row in by_model, twins=_differing(labels, twins, row))


def _contradicted(held: HeldOut, task: str, twins: Twins, by_model: set[int]) -> Iterator[tuple[int, int]]:
    """Of nearly equal pictures with different labels, the one whose label is less likely, and the other's label.

    A pair of which the model doubts one already is that one's. Where no model was asked, the later one in the data set.
    """
    labels, probabilities = held.labels[task], held.probabilities[task]
    for row, others in twins.items():
        for other in others:
            if other < row or labels[row] == UNKNOWN or labels[other] == UNKNOWN or labels[row] == labels[other]:
                continue
            if {row, other} & by_model:
                continue
            mean = probabilities[[row, other]].mean(axis=0)
            wrong, right = (row, other) if mean[labels[row]] < mean[labels[other]] else (other, row)
            yield wrong, int(labels[right])


def _differing(labels: npt.NDArray[np.int64], twins: Twins, row: int) -> tuple[int, ...]:
    return tuple(one for one in twins.get(row, ()) if labels[one] not in {UNKNOWN, labels[row]})


def _doubt(held: HeldOut, task: str, row: int, proposed: int, *, by_model: bool, twins: tuple[int, ...]) -> Doubt:
    codes, frame = held.taxonomy.task(task).codes, held.manifest.frame
    label = int(held.labels[task][row])
    asked = held.probabilities[task][row] if held.tested[row] else None
    return Doubt(
        image=str(frame["image"].iloc[row]),
        source=str(frame["source"].iloc[row]),
        object_id=str(frame["object_id"].iloc[row]),
        task=task,
        label=codes[label],
        proposed=codes[proposed],
        probability_of_label=None if asked is None else float(asked[label]),
        probability_of_proposed=None if asked is None else float(asked[proposed]),
        by_model=by_model,
        twins=tuple(piece(held, task, other, None) for other in twins[:_TWINS]),
    )


def piece(held: HeldOut, task: str, row: int, similarity: float | None) -> Piece:
    """A photograph of the data set, beside another."""
    frame, number = held.manifest.frame, int(held.labels[task][row])
    code = "" if number == UNKNOWN else held.taxonomy.task(task).codes[number]
    return Piece(str(frame["image"].iloc[row]), str(frame["source"].iloc[row]), code, similarity)


def with_nearest(doubts: Doubts, found: Mapping[tuple[str, str], tuple[Piece, ...]]) -> Doubts:
    """`doubts` with the nearest pieces that were found, by image and task."""
    return replace(
        doubts,
        doubts=tuple(replace(one, nearest=found.get((one.image, one.task), ())) for one in doubts.doubts),
    )
