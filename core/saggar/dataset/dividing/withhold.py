"""Real photographs taken out of the training split, to be given back: what a photograph more is worth."""

from __future__ import annotations

import numpy as np

from saggar.dataset.manifest import Manifest
from saggar.dataset.seeds import seeded_hash
from saggar.errors import InvalidInputError


def withhold(manifest: Manifest, count: int, seed: int) -> Manifest:
    """`manifest` without `count` of its training photographs, whole objects at a time, so at least so many.

    Which objects are taken depends on the seed and their ids alone, so that a smaller count takes a beginning of what
    a larger one takes. No class is lost: the last training object of a class in any task stays.

    Raises InvalidInputError when so many cannot be spared.
    """
    gone = withheld_objects(manifest, count, seed)
    keep = ~(manifest.frame["object_id"].isin(gone) & (manifest.frame["split"] == "train"))
    return manifest.take(keep.to_numpy(dtype=np.bool_))


def give_back(withheld: Manifest, manifest: Manifest, count: int, most: int, seed: int) -> Manifest:
    """`withheld` with about `count` of the photographs that `withhold(manifest, most, seed)` took, at least so many."""
    returned: set[str] = set()
    photographs = 0
    training = manifest.select(split="train", origin="real")
    sizes = training.frame["object_id"].value_counts()
    for name in withheld_objects(manifest, most, seed):
        if photographs >= count:
            break
        returned.add(name)
        photographs += int(sizes[name])
    back = training.frame["object_id"].isin(returned).to_numpy(dtype=np.bool_)
    return withheld.concat(training.take(back))


def withheld_objects(manifest: Manifest, count: int, seed: int) -> list[str]:
    """Ids of the training objects that are taken, in order."""
    training = manifest.select(split="train", origin="real")
    frame = training.frame.drop_duplicates("object_id")
    order = np.argsort(seeded_hash(frame["object_id"], seed, "withhold"), kind="stable")
    sizes = training.frame["object_id"].value_counts()
    left = {task: dict(training.take(_first_rows(training)).counts(task)) for task in manifest.tasks}
    taken: list[str] = []
    photographs = 0
    for position in order:
        if photographs >= count:
            break
        row = frame.iloc[int(position)]
        labels = {task: row[f"label_{task}"] for task in manifest.tasks}
        known = {task: code for task, code in labels.items() if isinstance(code, str)}
        if any(left[task][code] <= 1 for task, code in known.items()):
            continue
        for task, code in known.items():
            left[task][code] -= 1
        taken.append(str(row["object_id"]))
        photographs += int(sizes[row["object_id"]])
    if photographs < count:
        raise InvalidInputError(
            f"withhold {count:,} photographs: only {photographs:,} of {len(training):,} training photographs can be "
            "spared without losing a class; withhold fewer"
        )
    return taken


def _first_rows(manifest: Manifest) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """[N] whether a row is the first of its object."""
    return (~manifest.frame["object_id"].duplicated()).to_numpy(dtype=np.bool_)
