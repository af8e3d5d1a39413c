"""A sample of a set, stratified by combination, and what it says of each combination and of the set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from saggar.describing.shares import Share, wilson, wilson_interval

Strata = dict[str, int]  # combination -> images of the set
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class CombinationDecision:
    """One combination of labels: how many images it has, how many people looked at, and whether it is kept."""

    combination: str
    images: int
    passed: Share  # of the images that people looked at
    kept: bool


@dataclass(frozen=True)
class SetShare(Share):
    """A share of the set: `hits` of `n` are counts of the sample, `value` and the interval are of the set."""

    of_set: float

    @property
    def value(self) -> float:
        return self.of_set


def tally(combinations: Iterable[str]) -> Strata:
    return dict(sorted(Counter(combinations).items()))


def draw(rows: Sequence[RowT], combinations: Sequence[str], size: int) -> list[RowT]:
    """`size` of `rows`, in order: each of `combinations` has its share, and rare ones at least an equal part of half
    the sample, so that each gets a verdict of its own.
    """
    quotas = allocate(tally(combinations), size)
    chosen = []
    for row, combination in zip(rows, combinations, strict=True):
        if quotas[combination] > 0:
            quotas[combination] -= 1
            chosen.append(row)
    return chosen


def allocate(strata: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of `size` go to each combination; all of them where there are not so many images.

    Each gets `size // (2 * combinations)` or all that it has, but at least one while there is room; the rest goes to
    whichever combination is farthest below its share.
    """
    size = min(size, sum(strata.values()))
    least = max(1, size // (2 * max(1, len(strata))))
    rarest = sorted(strata, key=lambda name: (strata[name], name))
    found = dict.fromkeys(strata, 0)
    left = size
    for name in rarest:
        found[name] = min(strata[name], least, left)
        left -= found[name]
    while left > 0:
        name = min((n for n in strata if found[n] < strata[n]), key=lambda n: (found[n] / strata[n], n))
        found[name] += 1
        left -= 1
    return found


def decide_combinations(
    strata: Mapping[str, int], verdicts: Iterable[tuple[str, bool]], least_pass_rate: float
) -> tuple[CombinationDecision, ...]:
    """A combination goes when its pass rate lies below `least_pass_rate` with its whole interval.

    `verdicts`: combination and whether the image passed, of every image that people looked at.
    """
    hits, seen = _counted(verdicts)
    found = []
    for name, images in strata.items():
        share = wilson(hits[name], seen[name])
        found.append(CombinationDecision(name, images, share, kept=share.high >= least_pass_rate))
    return tuple(found)


def set_share(strata: Mapping[str, int], verdicts: Iterable[tuple[str, bool]]) -> SetShare:
    """The share of the set, from `verdicts`: combination, and whether it holds, of every image that people looked at.

    `draw` takes more of rare combinations than their part, so each combination h counts by its images N_h, and not by
    how many were looked at: sum(N_h / N * p_h) over combinations of which some were. The interval is Wilson's at the
    effective size, which is that of a simple random sample of equal variance: p (1 - p) / sum((N_h / N)^2 p_h
    (1 - p_h) / n_h); Franco, Little, Louis and Slud 2019, doi:10.1093/jssam/smy019. There p_h is Laplace's,
    (hits + 1) / (n_h + 2): a few images that all passed would else count as known without error, and where all
    passed the size would not be defined. Where every image was looked at, Wilson's interval of the counts.
    """
    hits, seen = _counted(verdicts)
    counts = wilson(hits.total(), seen.total())
    if all(n >= strata[name] for name, n in seen.items()):
        return SetShare(counts.hits, counts.n, counts.low, counts.high, counts.value)
    images = sum(strata[name] for name in seen)
    share = middle = variance = 0.0
    for name, n in seen.items():
        weight, smooth = strata[name] / images, (hits[name] + 1) / (n + 2)
        share += weight * hits[name] / n
        middle += weight * smooth
        variance += weight**2 * smooth * (1 - smooth) / n
    share = min(max(share, 0.0), 1.0) if 0 < counts.hits < counts.n else counts.value  # of rounding
    return SetShare(counts.hits, counts.n, *wilson_interval(share, middle * (1 - middle) / variance), share)


def _counted(verdicts: Iterable[tuple[str, bool]]) -> tuple[Counter[str], Counter[str]]:
    """By combination: the verdicts that hold, and all of them."""
    hits: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for combination, holds in verdicts:
        seen[combination] += 1
        hits[combination] += holds
    return hits, seen
