"""The control of a synthetic arm: as many further training images of the same combinations, without a generator."""

from __future__ import annotations

from typing import Literal

import numpy as np

from saggar.dataset.augment import variants
from saggar.dataset.manifest import Manifest
from saggar.dataset.seeds import seeded_hash

By = Literal["variants", "repeats"]


def control(real: Manifest, synthetic: Manifest, by: By, seed: int) -> tuple[Manifest, int]:
    """`real` with one classical variant, or one repetition, of a training photograph for each image of `synthetic`.

    They are of the same combinations, spread evenly over the photographs of each. Of combinations without a
    photograph none can be made: the second value counts these. Images are labelled as their photographs are.
    """
    ids, combinations = real.combination_ids()
    number = {labels: i for i, labels in enumerate(combinations)}
    sources = real.mask(split="train", origin="real")
    available = np.bincount(ids[sources], minlength=len(combinations))
    wanted = np.zeros(len(combinations), dtype=np.int64)
    missing = 0
    asked_ids, asked = synthetic.combination_ids()
    for labels, count in zip(asked, np.bincount(asked_ids, minlength=len(asked)), strict=True):
        position = number.get(labels)
        if position is None or not available[position]:
            missing += int(count)
        else:
            wanted[position] = count
    rows = np.flatnonzero(sources)
    pool = real.take(rows)
    if by == "variants":
        return real.concat(variants(pool, ids[rows], wanted, seed, real)), missing
    order = np.argsort(seeded_hash(pool.frame["image"], seed, "repeat"), kind="stable")
    repeated: list[int] = []
    for group in np.flatnonzero(wanted):
        members = [int(row) for row in order if ids[rows[row]] == group]
        repeated += [members[i % len(members)] for i in range(int(wanted[group]))]
    return real.concat(pool.take(np.array(sorted(repeated), dtype=np.intp))), missing
