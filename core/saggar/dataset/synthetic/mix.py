"""Mix synthetic images into a training set, by count or by share."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.dataset.manifest import Manifest
from saggar.dataset.seeds import rank_within, seeded_hash
from saggar.errors import InvalidInputError


def mix(
    real: Manifest, synthetic: Manifest, *, count: int | None = None, share: float | None = None, seed: int
) -> tuple[Manifest, float]:
    """`real` with synthetic images added to its training split, and the share of that split they make up.

    Give either `count`, or `share` of the final training set (0 to below 1; augmented rows are part of that
    set). The images taken keep the proportions of label combinations in `synthetic`; with one seed, a larger
    mix holds every image of a smaller one. Where `synthetic` has too few, all are taken: the share returned
    is the share reached. Validation and test rows pass through untouched.

    Raises InvalidInputError when validation or test hold an image that is not a real photograph, when a row
    has no split, when tasks differ, or when `synthetic` holds anything but synthetic training images.
    """
    _refuse(real, synthetic)
    training = int(real.mask(split="train").sum())
    wanted = _wanted(count, share, training)
    distinct = synthetic.take(~synthetic.frame["image"].duplicated().to_numpy(dtype=np.bool_))
    chosen = distinct.take(_proportional_order(distinct, seed)[:wanted])
    taken = len(chosen)
    mixed = real.concat(chosen.with_columns(split=pd.Series("train", index=range(taken), dtype="str")))
    return mixed, taken / (training + taken) if taken else 0.0


def count_for_share(share: float, training: int) -> int:
    """How many images to add to `training` others so that they make up `share` of all (rounded)."""
    if not 0 <= share < 1:
        raise InvalidInputError(f"share is {share}; it must be at least 0 and below 1")
    return math.floor(share * training / (1 - share) + 0.5)


def _wanted(count: int | None, share: float | None, training: int) -> int:
    if (count is None) == (share is None):
        raise InvalidInputError("give either count or share, one of them")
    if share is not None:
        return count_for_share(share, training)
    if count is None or count < 0:
        raise InvalidInputError(f"count is {count}; it must be 0 or more")
    return count


def _proportional_order(manifest: Manifest, seed: int) -> npt.NDArray[np.intp]:
    """[N] positions such that every beginning holds combinations in about the proportions of the whole."""
    ids, _ = manifest.combination_ids()
    hashes = seeded_hash(manifest.frame["image"], seed, "mix")
    within = rank_within(ids, np.argsort(hashes, kind="stable").astype(np.intp))
    sizes = np.bincount(ids)[ids] if len(ids) else np.empty(0, np.int64)
    return np.lexsort((hashes, (within + 0.5) / sizes)).astype(np.intp)


def _refuse(real: Manifest, synthetic: Manifest) -> None:
    if real.tasks != synthetic.tasks:
        raise InvalidInputError(
            f"the data sets have different tasks: {', '.join(real.tasks)} and {', '.join(synthetic.tasks)}"
        )
    if unsplit := int(real.frame["split"].isna().sum()):
        raise InvalidInputError(f"{unsplit:,} rows of the real data set have no split; split it first")
    for name in ("validation", "test"):
        part = real.select(split=name)
        if made := int((~part.mask(origin="real")).sum()):
            raise InvalidInputError(
                f"{made:,} of {len(part):,} {name} images are augmented or synthetic; evaluation images must "
                "be real photographs: split first, then augment and mix"
            )
    if mixed := int(real.mask(split="train", origin="synthetic").sum()):
        raise InvalidInputError(
            f"the training set already holds {mixed:,} synthetic images, so a share would not mean what it "
            "says; mix into the data set as it was before"
        )
    if other := int((~synthetic.mask(origin="synthetic")).sum()):
        raise InvalidInputError(
            f"{other:,} of the {len(synthetic):,} images to mix in are not synthetic; pass what screening accepted"
        )
    if held_out := int(synthetic.mask(split=("validation", "test")).sum()):
        raise InvalidInputError(
            f"{held_out:,} synthetic images are marked for validation or test; they may only be trained on"
        )
