"""The adapter's training images: seven priorities (paper, section 3.2.2, Table 3).

Table 3 is for 1,000 images of one collection. Here its parts are shares of any size: each tier has a share of
the images, divided evenly over the combinations that belong to it, up to the table's number per combination.
What a tier leaves over goes to the general fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saggar import prompts
from saggar.dataset.augment import variants
from saggar.dataset.manifest import Combination, Manifest
from saggar.dataset.ordering import rank_within, seeded_hash
from saggar.dataset.plan import Pair
from saggar.errors import InvalidInputError
from saggar.taxonomy import Labels, Taxonomy

_TABLE_SIZE = 1000
_BALANCED = 100  # images per type and per glaze that tiers 5 and 6 aim at


@dataclass(frozen=True)
class _Tier:
    """Combinations with `fewest` to `most` photographs: together `total`, each at most `each`, of 1,000."""

    fewest: int
    most: int
    each: int
    total: int


_EXTREME, _VERY_RARE, _MODERATE = _Tier(1, 1, 30, 270), _Tier(2, 4, 25, 200), _Tier(5, 10, 25, 150)
_CONFUSED = _Tier(1, 2**62, 25, 200)


def select_for_adapter(
    manifest: Manifest,
    taxonomy: Taxonomy,
    size: int,
    seed: int,
    pair_tasks: tuple[str, str] = ("glaze", "type"),
    confusion_pairs: Sequence[Pair] = (),
) -> Manifest:
    """`size` rows of the training split, with captions, chosen by seven priorities.

    1 combinations of the pair tasks with one real training photograph, 2 with 2 to 4, 3 those of
    `confusion_pairs`, 4 with 5 to 10, 5 evenness of the second pair task (type), 6 of the first (glaze), 7
    the rest. Photographs come before variants; where rows run out, further augmented variants are added
    (origin "augmented", see `saggar.dataset.augment`). Rows without any known label are left out.

    Raises InvalidInputError when a pair task is not in the data set, when `size` < 1, when there are
    synthetic rows in the training split, or when no row can be used.
    """
    if size < 1:
        raise InvalidInputError(f"size is {size}; it must be 1 or more")
    pool = _pool(manifest)
    ids, combinations = pool.combination_ids(pair_tasks)
    real = np.bincount(ids[pool.mask(origin="real")], minlength=len(combinations))
    quotas = _Quotas(size, combinations, real)
    quotas.tier(_EXTREME)
    quotas.tier(_VERY_RARE)
    quotas.tier(_CONFUSED, only=_confused(combinations, pair_tasks, confusion_pairs))
    quotas.tier(_MODERATE)
    quotas.balance(1)
    quotas.balance(0)
    available = np.bincount(ids, minlength=len(combinations))
    quotas.fill(available)
    chosen = _drawn(pool, ids, quotas.counts, seed)
    return _captioned(chosen, taxonomy)


class _Quotas:
    """How many images each combination gets; `counts` [G] grows tier by tier up to `size`."""

    def __init__(self, size: int, combinations: tuple[Combination, ...], real: npt.NDArray[np.int64]) -> None:
        self.size = size
        self.counts = np.zeros(len(combinations), dtype=np.int64)
        self._combinations = combinations
        self._known = np.array([None not in labels for labels in combinations], dtype=np.bool_)
        self._real = real

    @property
    def left(self) -> int:
        return self.size - int(self.counts.sum())

    def tier(self, tier: _Tier, only: npt.NDArray[np.bool_] | None = None) -> None:
        """Raises the tier's combinations to their number, all by the same, within the tier's share."""
        members = self._known & (self._real >= tier.fewest) & (self._real <= tier.most)
        if only is not None:
            members &= only
        budget = min(self.left, round(tier.total * self.size / _TABLE_SIZE))
        each = max(1, round(tier.each * self.size / _TABLE_SIZE))
        self._raise(np.flatnonzero(members), each, budget)

    def balance(self, position: int) -> None:
        """Raises every class of one pair task to 100 of 1,000, or to an even share if that is less."""
        codes = [labels[position] if None not in labels else None for labels in self._combinations]
        classes = sorted({code for code in codes if code is not None})
        for code in classes:
            members = np.flatnonzero([own == code for own in codes])
            target = min(round(_BALANCED * self.size / _TABLE_SIZE), self.size // len(classes))
            missing = target - int(self.counts[members].sum())
            if missing > 0:
                self._spread(members, self._real[members], min(missing, self.left))

    def fill(self, available: npt.NDArray[np.int64]) -> None:
        """The rest, in proportion to the rows that are not taken yet; then in proportion to all rows."""
        everything = np.arange(len(self.counts))
        unused = np.maximum(0, available - self.counts)
        self._spread(everything, unused, min(self.left, int(unused.sum())))
        self._spread(everything, available, self.left)

    def _raise(self, members: npt.NDArray[np.intp], each: int, budget: int) -> None:
        missing = np.maximum(0, each - self.counts[members])
        # the highest level at which all together stay within the budget, then one more for some
        level = 0
        while level < each and np.minimum(missing, level + 1).sum() <= budget:
            level += 1
        given = np.minimum(missing, level)
        rest = np.flatnonzero(missing > level)[: budget - int(given.sum())]
        given[rest] += 1
        self.counts[members] += given

    def _spread(self, members: npt.NDArray[np.intp], weights: npt.NDArray[np.int64], amount: int) -> None:
        """Adds `amount` over `members` in proportion to `weights` (largest remainders)."""
        if amount <= 0 or not weights.sum():
            return
        exact = weights * (amount / weights.sum())
        given = np.floor(exact).astype(np.int64)
        rest = np.argsort(given - exact, kind="stable")[: amount - int(given.sum())]
        given[rest] += 1
        self.counts[members] += given


def _pool(manifest: Manifest) -> Manifest:
    training = manifest.select(split="train")
    if synthetic := int(training.mask(origin="synthetic").sum()):
        raise InvalidInputError(
            f"the training split holds {synthetic:,} synthetic images; an adapter is trained on photographs: "
            "select before mixing"
        )
    known = np.zeros(len(training), dtype=np.bool_)
    for task in training.tasks:
        known |= training.labels(task).notna().to_numpy(dtype=np.bool_)
    if not known.any():
        raise InvalidInputError(
            "no labelled photograph in the training split to train an adapter on; split the data set first"
        )
    return training.take(known)


def _confused(
    combinations: tuple[Combination, ...], pair_tasks: tuple[str, str], pairs: Sequence[Pair]
) -> npt.NDArray[np.bool_]:
    def of(labels: Labels) -> Combination:
        return tuple(labels.get(task) for task in pair_tasks)

    wanted = {of(labels) for pair in pairs for labels in pair}
    return np.array([labels in wanted for labels in combinations], dtype=np.bool_)


def _drawn(pool: Manifest, ids: npt.NDArray[np.intp], counts: npt.NDArray[np.int64], seed: int) -> Manifest:
    """`counts[g]` rows of each combination: photographs, then variants in the pool, then new variants."""
    variant = ~pool.mask(origin="real")
    seeds = pool.frame["augmentation_seed"].fillna(-1).astype("int64").astype("str")
    hashes = seeded_hash(pool.frame["image"].astype("str") + "#" + seeds.astype("str"), seed, "select")
    place = rank_within(ids, np.lexsort((hashes, variant)).astype(np.intp))
    chosen = pool.take(place < counts[ids])
    available = np.bincount(ids, minlength=len(counts))
    missing = np.maximum(0, counts - available)
    real = pool.mask(origin="real")
    short = missing > 0
    sources = real & short[ids]
    return chosen.concat(variants(pool.take(sources), ids[sources], missing, seed, pool))


def _captioned(manifest: Manifest, taxonomy: Taxonomy) -> Manifest:
    ids, combinations = manifest.combination_ids()
    texts = np.empty(len(combinations), dtype=object)
    texts[:] = [
        prompts.caption(taxonomy, dict(zip(manifest.tasks, labels, strict=True))) for labels in combinations
    ]
    return manifest.with_columns(caption=texts[ids])
