"""A sample of a set, stratified by combination, and what its pass rates say of each combination."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from saggar.describing.shares import Share, wilson

Strata = dict[str, int]  # combination -> images of the set
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class CombinationDecision:
    """One combination of labels: how many images it has, how many people looked at, and whether it is kept."""

    combination: str
    images: int
    passed: Share  # of the images that people looked at
    kept: bool


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
    hits: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for combination, passed in verdicts:
        seen[combination] += 1
        hits[combination] += passed
    found = []
    for name, images in strata.items():
        share = wilson(hits[name], seen[name])
        found.append(CombinationDecision(name, images, share, kept=share.high >= least_pass_rate))
    return tuple(found)
