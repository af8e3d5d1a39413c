"""What a number of test photographs can show: the smallest difference between two classifiers that McNemar's
test finds, and the number of photographs that a difference needs.

Two classifiers answer the same test photographs. `disagreement` is the share of photographs that one of
them gets right and the other wrong; a difference in accuracy can be no larger. Normal approximation of
R. J. Connor, Sample Size for Testing Differences in Proportions for the Paired-Sample Design, Biometrics 43
(1987), 207-211.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from saggar.errors import InvalidInputError

DISAGREEMENT = 0.10
POWER = 0.80
LEVEL = 0.05  # of the two-sided test


def smallest_difference(
    n: int, disagreement: float = DISAGREEMENT, power: float = POWER, level: float = LEVEL
) -> float | None:
    """The smallest difference in accuracy (0 to 1) that `n` independent test photographs show with `power`.

    None when they show none: even if one classifier were right in all that the two disagree on.
    """
    at_level, at_power = _quantiles(disagreement, power, level)
    if n < 1:
        return None
    # n d^2 = (a + b sqrt(disagreement - d^2))^2, with a and b as below, solved for the larger d
    a, b, root = at_level * math.sqrt(disagreement), at_power, math.sqrt(n)
    inside = (a * root) ** 2 - (n + b * b) * (a * a - b * b * disagreement)
    found = (a * root + math.sqrt(max(0.0, inside))) / (n + b * b)
    return found if found <= disagreement else None


def photographs_needed(
    difference: float, disagreement: float = DISAGREEMENT, power: float = POWER, level: float = LEVEL
) -> int:
    """How many independent test photographs show a `difference` in accuracy with `power`.

    Raises InvalidInputError when the difference is not above 0, or above the disagreement.
    """
    at_level, at_power = _quantiles(disagreement, power, level)
    if not 0 < difference <= disagreement:
        raise InvalidInputError(
            f"difference is {difference}; it must be above 0 and at most the disagreement, {disagreement}"
        )
    spread = at_level * math.sqrt(disagreement) + at_power * math.sqrt(disagreement - difference**2)
    return math.ceil((spread / difference) ** 2)


def _quantiles(disagreement: float, power: float, level: float) -> tuple[float, float]:
    if not 0 < disagreement <= 1:
        raise InvalidInputError(f"disagreement is {disagreement}; it must be above 0 and at most 1")
    if not 0.5 <= power < 1 or not 0 < level <= 0.5:
        raise InvalidInputError(f"power is {power} and level is {level}; must be 0.5 <= power < 1 and 0 < level <= 0.5")
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2), normal.inv_cdf(power)
