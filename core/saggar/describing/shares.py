"""Shares of what was counted, with the interval that belongs beside them."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Share:
    """`hits` of `n`, with the 95 % Wilson interval; all zero to one when nothing was counted."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.n if self.n else float("nan")


def wilson(hits: int, n: int) -> Share:
    """Share with Wilson's 95 % interval (doi:10.1080/01621459.1927.10502953)."""
    if n == 0:
        return Share(0, 0, 0.0, 1.0)
    return Share(hits, n, *wilson_interval(hits / n, n))


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval about `share` of `n`, which may be an effective size and no whole number."""
    spread = _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return (middle - half if share > 0 else 0.0), (middle + half if share < 1 else 1.0)
