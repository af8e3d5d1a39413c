"""What seeds say one by one: exact tests that stand beside the interval of a difference. No verdict rests on them.

McNemar's test asks of one training of each arm whether more objects speak for it than against. Answers of different
seeds to one object are no independent evidence, so it is never pooled over seeds. The sign-flip test asks whether
seeds agree; S of them cannot go below p = 2 / 2^S.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar_orchestrator.findings.statistics.counting import Classes, Values

_MOST_FLIPS = 2**14  # all of them up to 14 seeds; beyond that as many at random
_SEED = 0


@dataclass(frozen=True)
class Discordant:
    """Of one seed: objects that only the arm gets right, or only the baseline, and McNemar's exact p."""

    seed: int
    arm_only: int
    baseline_only: int
    p: float


@dataclass(frozen=True)
class SignFlip:
    """Two-sided p of the mean of paired differences under flips of their signs, and the least it can be."""

    p: float
    smallest: float


def discordant(seed: int, true: Classes, arm: Classes, baseline: Classes, objects: Classes) -> Discordant:
    """true, arm, baseline, objects: [N]. An object with several photographs counts for whom more of them speak."""
    from scipy import stats  # type: ignore[import-untyped]

    known = true >= 0
    gain = (arm == true).astype(np.int64) - (baseline == true)
    by_object = np.bincount(objects[known], weights=gain[known])
    ours, theirs = int((by_object > 0).sum()), int((by_object < 0).sum())
    p = float(stats.binomtest(ours, ours + theirs).pvalue) if ours + theirs else 1.0
    return Discordant(seed, ours, theirs, p)


def sign_flip(differences: Values) -> SignFlip:
    """differences: [S], arm less baseline, seeds in pairs."""
    from scipy import stats

    count = len(differences)
    smallest = min(1.0, 2.0 ** (1 - count))
    if not differences.any():
        return SignFlip(1.0, smallest)
    if count == 1:
        return SignFlip(1.0, smallest)
    found = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_MOST_FLIPS,
        rng=np.random.default_rng(_SEED),
    )
    return SignFlip(float(found.pvalue), smallest)


def share_of_better(arm: Values, baseline: Values) -> float:
    """P(A > B), the share of all pairs of a training of each in which the arm's is better (ties: half): Bouthillier et
    al. 2021, arXiv:2103.03098.
    """
    above = (arm[:, None] > baseline[None, :]).mean()
    ties = (arm[:, None] == baseline[None, :]).mean()
    return float(above + ties / 2)
