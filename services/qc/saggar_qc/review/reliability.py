"""Who can be relied upon: a reviewer's controls and pace, and when the operator should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from saggar.describing.shares import Share, wilson

QUICKEST_S = 0.7  # nobody looks at a picture and its labels in less
LEAST_CONTROLS_RIGHT = 0.7
_ENOUGH_CONTROLS = 5
_ENOUGH_VERDICTS = 10


@dataclass(frozen=True)
class ReviewerScore:
    """What a reviewer did. `controls`: known-real images accepted and known-bad ones not."""

    reviewer: str
    verdicts: int
    controls: Share
    median_seconds: float

    @property
    def concern(self) -> str:
        """What the operator should know, in words; empty where nothing is wrong."""
        found = []
        if self.controls.n >= _ENOUGH_CONTROLS and self.controls.high < LEAST_CONTROLS_RIGHT:
            found.append(f"{self.controls.hits} of {self.controls.n} control images right")
        if self.verdicts >= _ENOUGH_VERDICTS and self.median_seconds < QUICKEST_S:
            found.append(f"{self.median_seconds:.1f} s an image")
        return " and ".join(found)


def score(reviewer: str, seconds: Sequence[float], controls: Sequence[bool]) -> ReviewerScore:
    """`seconds` of each verdict; `controls`: whether each control image was judged right."""
    middle = float(np.median(seconds)) if seconds else 0.0
    return ReviewerScore(reviewer, len(seconds), wilson(sum(controls), len(controls)), middle)
