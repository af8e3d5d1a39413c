"""How far the difference between two arms would move if the experiment were run again: with other test objects, other
training seeds and other folds.

Scores of S seeds on the same G objects vary along two crossed factors. The variance of the difference of means is the
sum of what objects bring and what seeds bring, less what both hold in common (the noise of each answer), which would
otherwise count twice (Cameron, Gelbach and Miller 2011, doi:10.1198/jbes.2010.07136; Owen 2007,
doi:10.1214/07-AOAS122):

    objects   delete-one-object jackknife of the difference averaged over seeds; photographs of one object together
    seeds     s_arm^2 / S_arm + s_baseline^2 / S_baseline, over seeds on the same objects
    shared    what the jackknife finds between seeds of one arm: noise of single answers, in both of the above
    folds     what folds differ in beyond their objects: each is another choice of training photographs

With folds, every two trainings share most of their photographs, and what all of them owe to that choice is seen in no
spread between them; nothing estimates it without bias (Bengio and Grandvalet 2004, JMLR 5:1089). So K folds give no
more than K - 1 degrees of freedom.

Seeds are not taken to be pairs: seed 3 of one arm has little in common with seed 3 of another, and so 2 (S - 1)
degrees of freedom speak for the seeds, not S - 1. If equal seeds do go together, the interval is too wide, not too
narrow. `docs/evidence.md` shows how often these intervals hold the truth.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from saggar_orchestrator.findings.statistics.counting import Values

LEAST_SEEDS = 3  # two give one degree of freedom: an interval six times as wide as with three
LEAST_OBJECTS = 6  # fewer cannot reach 5 % in an exact test even if all speak for one arm: 2 / 2^5 > 0.05


@dataclass(frozen=True)
class Scored:
    """One score of one arm, by seed, and how it changes when a test object is left out."""

    scores: Values  # [S]
    without: Values  # [S, G] score without the object, less the score
    labelled: npt.NDArray[np.bool_]  # [G] objects with a known label, others have no say


@dataclass(frozen=True)
class Variance:
    """Variance of the difference of two arms' mean scores, by its sources; all are at least 0."""

    objects: float
    seeds: float
    shared: float
    folds: float
    seed_freedom: float  # degrees of freedom of `seeds` (Welch)
    object_count: int
    fold_count: int

    @property
    def of_objects(self) -> float:
        """What objects bring beyond the noise of single answers."""
        return max(0.0, self.objects - self.shared)

    @property
    def of_seeds(self) -> float:
        """What seeds bring beyond the noise of single answers."""
        return max(0.0, self.seeds - self.shared)

    @property
    def total(self) -> float:
        """At least that of objects alone, and that of seeds alone."""
        return max(self.of_objects + self.seeds, self.objects) + self.folds

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.total)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the total (Satterthwaite 1946, doi:10.2307/3002019), with folds no more than they give;
        infinite without variance.
        """
        below = (
            self.seeds**2 / self.seed_freedom
            + self.of_objects**2 / max(1, self.object_count - 1)
            + self.folds**2 / max(1, self.fold_count - 1)
        )
        found = self.total**2 / below if below > 0 else math.inf
        return min(found, self.fold_count - 1) if self.fold_count > 1 and below > 0 else found


def variance_of_difference(arm: Scored, baseline: Scored, folds: npt.NDArray[np.int64]) -> Variance:
    """Variance of mean(arm) - mean(baseline); folds: [G] the fold of each object. Both need LEAST_SEEDS seeds."""
    labelled = arm.labelled
    sides = [(one.scores, one.without[:, labelled]) for one in (arm, baseline)]
    count = int(labelled.sum())
    scale = (count - 1) / max(1, count)
    change = sides[0][1].mean(axis=0) - sides[1][1].mean(axis=0)  # [G]
    objects = scale * float(((change - change.mean()) ** 2).sum())
    by_side = [float(scores.var(ddof=1)) / len(scores) for scores, _ in sides]
    freedoms = [len(scores) - 1 for scores, _ in sides]
    seeds = sum(by_side)
    below = sum(value**2 / freedom for value, freedom in zip(by_side, freedoms, strict=True))
    shared = scale * sum(float(without.var(axis=0, ddof=1).sum()) / len(without) for _, without in sides)
    numbers, of = np.unique(folds[labelled], return_inverse=True)
    between = 0.0
    if len(numbers) > 1:
        sums = np.bincount(of, weights=change)
        between = len(numbers) / (len(numbers) - 1) * float(((sums - sums.mean()) ** 2).sum())
    return Variance(
        objects=objects,
        seeds=seeds,
        shared=shared,
        folds=max(0.0, between - objects),
        seed_freedom=seeds**2 / below if below > 0 else float(sum(freedoms)),
        object_count=count,
        fold_count=len(numbers),
    )


@dataclass(frozen=True)
class Needs:
    """What would show a difference of `target`: more test objects or more seeds, the other staying as it is. None: no
    number of them would do alone. Both are 0 where the experiment shows it as it stands.
    """

    target: float
    more_objects: int | None
    more_seeds: int | None


_MOST_SEEDS, _MOST_OBJECTS = 200, 10_000_000


def needs(variance: Variance, seeds: int, target: float, level: float, power: float) -> Needs:
    """How many more objects, or seeds, find a difference of `target` in a two-sided test of `level` with `power`."""

    def with_objects(more: int) -> Variance:
        return _with_objects(variance, variance.object_count / (variance.object_count + more))

    def with_seeds(more: int) -> Variance:
        return _with_seeds(variance, seeds / (seeds + more))

    def fewest(most: int, then: Callable[[int], Variance]) -> int | None:
        def suffices(more: int) -> bool:
            return smallest_difference(then(more), level, power) <= target

        return bisect_left(range(most), True, key=suffices) if suffices(most) else None

    return Needs(target, fewest(_MOST_OBJECTS, with_objects), fewest(_MOST_SEEDS, with_seeds))


def smallest_difference(variance: Variance, level: float, power: float) -> float:
    """The smallest difference that a two-sided test of `level` finds with `power`, as the experiment stands."""
    return variance.standard_error * _noncentrality(level, power, variance.freedom)


def _noncentrality(level: float, power: float, freedom: float) -> float:
    """By how many standard errors a difference must be off zero to be found."""
    from scipy import special  # type: ignore[import-untyped]

    critical = quantile(1 - level / 2, freedom)
    if math.isinf(freedom):
        return critical + quantile(power, freedom)
    return float(special.nctdtrinc(freedom, 1 - power, critical))


def quantile(probability: float, freedom: float) -> float:
    """Of Student's t; of the normal distribution when `freedom` is infinite."""
    from scipy import special

    return float(special.ndtri(probability) if math.isinf(freedom) else special.stdtrit(freedom, probability))


def tail(value: float, freedom: float) -> float:
    """P(T > value)."""
    from scipy import special

    return float(special.ndtr(-value) if math.isinf(freedom) else special.stdtr(freedom, -value))


def _with_objects(variance: Variance, share: float) -> Variance:
    """As it would be with 1 / share times the test objects."""
    return replace(
        variance,
        objects=variance.objects * share,
        seeds=variance.of_seeds + min(variance.shared, variance.seeds) * share,
        shared=variance.shared * share,
        object_count=round(variance.object_count / share),
    )


def _with_seeds(variance: Variance, share: float) -> Variance:
    """As it would be with 1 / share times the seeds."""
    return replace(
        variance,
        objects=variance.of_objects + variance.shared * share,
        seeds=variance.seeds * share,
        shared=variance.shared * share,
        seed_freedom=variance.seed_freedom / share,
    )
