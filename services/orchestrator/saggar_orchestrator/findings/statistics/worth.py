"""What an arm's gain is worth in real photographs, by the gains of arms that were given some back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Worth:
    """`photographs`: how many more would bring the same gain; `beyond`: more than were ever given back."""

    photographs: int
    beyond: bool


def worth(gain: float, doses: Sequence[tuple[int, float]]) -> Worth | None:
    """Where `gain` lies on the line through `doses` (photographs given back, their gain), which begins at no gain
    for none; where the line passes it several times, the fewest photographs count.

    None without doses. A gain of 0 or less is worth none. A point estimate: it has no interval.
    """
    if not doses:
        return None
    if gain <= 0:
        return Worth(0, beyond=False)
    low, low_gain = 0, 0.0
    for high, high_gain in sorted(doses):
        if low_gain < gain <= high_gain:
            part = (gain - low_gain) / (high_gain - low_gain)
            return Worth(round(low + part * (high - low)), beyond=False)
        low, low_gain = high, high_gain
    return Worth(low, beyond=True)
