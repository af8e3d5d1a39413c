"""The adapter's training images: seven priorities (paper, section 3.2.2, Table 3).

Table 3 is for 1,000 images of one collection. Here its parts are shares of any size: each tier has a share of
the images, divided evenly over the combinations that belong to it, up to the table's number per combination.
A combination of two tiers gets both numbers. What a tier leaves over goes to the general fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saggar import prompts
from saggar.dataset.augment import variants
from saggar.dataset.manifest import Combination, Manifest
from saggar.dataset.seeds import rank_within, seeded_hash
from saggar.dataset.synthetic.plan import Pair
from saggar.errors import InvalidInputError
from saggar.taxonomy import Labels, Taxonomy

_TABLE_SIZE = 1000
_BALANCED = 100  # images per type and per glaze that tiers 5 and 6 aim at


@dataclass(frozen=True)
class Quotas:
    """How many images each priority gives to each combination of the pair tasks.

    `images[p]` [G] belongs to priority p + 1 of `adapter_quotas`; `combinations` [G] are sorted as in the manifest.
    """

    combinations: tuple[Combination, ...]
    images: tuple[npt.NDArray[np.int64], ...]

    @property
    def by_combination(self) -> npt.NDArray[np.int64]:
        """[G] images over all priorities."""
        return _added_up(self.images)


def select_for_adapter(
    manifest: Manifest,
    taxonomy: Taxonomy,
    size: int,
    seed: int,
    *,
    pair_tasks: tuple[str, str] | None = None,
    confusion_pairs: Sequence[Pair] = (),
) -> Manifest:
    """`size` rows of the training split, with captions, as `adapter_quotas` divides them over the combinations of
    `pair_tasks` (the taxonomy's surface and form unless given).

    Photographs alone are drawn from: a classifier's augmented rows do not take part. Where photographs run out,
    gentle variants of them are added (origin "augmented", see `gentle`), every photograph as often as
    the others, give or take one. Raises InvalidInputError as `adapter_quotas` does.
    """
    pair_tasks = pair_tasks or taxonomy.pair_tasks
    quotas = adapter_quotas(manifest, size, pair_tasks, confusion_pairs)
    pool = _pool(manifest)
    ids, _ = pool.combination_ids(pair_tasks)
    return _captioned(_drawn(pool, ids, quotas.by_combination, seed), taxonomy)


def adapter_quotas(
    manifest: Manifest,
    size: int,
    pair_tasks: tuple[str, str],
    confusion_pairs: Sequence[Pair] = (),
) -> Quotas:
    """`size` images divided over the combinations of the training split by seven priorities.

    1 combinations of the pair tasks with one real training photograph, 2 with 2 to 4, 3 those of
    `confusion_pairs`, 4 with 5 to 10, 5 evenness of the second pair task (the type of a vessel) and 6 of the first
    (its glaze) among the classes that priorities 1 to 4 are about, 7 the rest. Augmented rows, and those without any
    known label, are left out.

    Raises InvalidInputError when a pair task is not in the data set, when `size` < 1, when there are
    synthetic rows in the training split, or when no row can be used.
    """
    if size < 1:
        raise InvalidInputError(f"size is {size}; it must be 1 or more")
    pool = _pool(manifest)
    ids, combinations = pool.combination_ids(pair_tasks)
    real = np.bincount(ids, minlength=len(combinations))
    divided = _Division(size, combinations, real)
    divided.add(270, 30, real == 1)
    divided.add(200, 25, (real >= 2) & (real <= 4))
    divided.add(200, 25, _confused(combinations, pair_tasks, confusion_pairs))
    divided.add(150, 25, (real >= 5) & (real <= 10))
    rare = _added_up(divided.images) > 0
    divided.balance(1, rare)
    divided.balance(0, rare)
    divided.fill(real)
    return Quotas(combinations, tuple(divided.images))


class _Division:
    """`images` grows by one array [G] per priority, until `size` images are given out."""

    def __init__(self, size: int, combinations: tuple[Combination, ...], real: npt.NDArray[np.int64]) -> None:
        self.images: list[npt.NDArray[np.int64]] = []
        self._size = size
        self._combinations = combinations
        self._known = np.array([None not in labels for labels in combinations], dtype=np.bool_)
        self._real = real

    @property
    def _left(self) -> int:
        return self._size - sum(int(given.sum()) for given in self.images)

    def add(self, total: int, each: int, members: npt.NDArray[np.bool_]) -> None:
        """At most `each` of 1,000 images for every known member, and `total` for all, evenly."""
        budget = min(self._left, self._scaled(total))
        places = np.flatnonzero(members & self._known)
        given = np.zeros(len(self._known), dtype=np.int64)
        if len(places):
            level, rest = divmod(min(budget, len(places) * max(1, self._scaled(each))), len(places))
            given[places] = level
            given[places[:rest]] += 1
        self.images.append(given)

    def balance(self, position: int, rare: npt.NDArray[np.bool_]) -> None:
        """Raises every class with a rare combination to 100 of 1,000, or to an even share if that is less."""
        codes = [labels[position] if None not in labels else None for labels in self._combinations]
        classes = sorted({code for code, own in zip(codes, rare, strict=True) if own and code is not None})
        before, given = _added_up(self.images), np.zeros(len(codes), dtype=np.int64)
        for code in classes:
            members = np.flatnonzero([own == code for own in codes])
            target = min(self._scaled(_BALANCED), self._size // len(classes))
            missing = min(target - int(before[members].sum()), self._left - int(given.sum()))
            given[members] = _in_proportion(self._real[members], missing)
        self.images.append(given)

    def fill(self, available: npt.NDArray[np.int64]) -> None:
        """The rest, in proportion to the rows that are not taken yet; then in proportion to all rows."""
        unused = np.maximum(0, available - _added_up(self.images))
        given = _in_proportion(unused, min(self._left, int(unused.sum())))
        self.images.append(given + _in_proportion(available, self._left - int(given.sum())))

    def _scaled(self, of_a_thousand: int) -> int:
        return round(of_a_thousand * self._size / _TABLE_SIZE)


def _added_up(images: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """[G] images per combination over the priorities so far."""
    total: npt.NDArray[np.int64] = np.stack(images).sum(axis=0)
    return total


def _in_proportion(weights: npt.NDArray[np.int64], amount: int) -> npt.NDArray[np.int64]:
    """[G] whole numbers that add up to `amount`, in proportion to `weights` (largest remainders)."""
    if amount <= 0 or not weights.sum():
        return np.zeros(len(weights), dtype=np.int64)
    exact = weights * (amount / weights.sum())
    given: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    rest = np.argsort(given - exact, kind="stable")[: amount - int(given.sum())]
    given[rest] += 1
    return given


def _pool(manifest: Manifest) -> Manifest:
    """The labelled photographs of the training split."""
    training = manifest.select(split="train")
    if synthetic := int(training.mask(origin="synthetic").sum()):
        raise InvalidInputError(
            f"the training split holds {synthetic:,} synthetic images; an adapter is trained on photographs: "
            "select before mixing"
        )
    training = training.select(origin="real")
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
    """`counts[g]` rows of each combination: photographs, then variants of them."""
    hashes = seeded_hash(pool.frame["image"].astype("str"), seed, "select")
    place = rank_within(ids, np.argsort(hashes, kind="stable").astype(np.intp))
    chosen = pool.take(place < counts[ids])
    missing = np.maximum(0, counts - np.bincount(ids, minlength=len(counts)))
    sources = (missing > 0)[ids]
    return chosen.concat(variants(pool.take(sources), ids[sources], missing, seed, pool))


def _captioned(manifest: Manifest, taxonomy: Taxonomy) -> Manifest:
    ids, combinations = manifest.combination_ids()
    texts = np.empty(len(combinations), dtype=object)
    texts[:] = [prompts.caption(taxonomy, dict(zip(manifest.tasks, labels, strict=True))) for labels in combinations]
    return manifest.with_columns(caption=texts[ids])
