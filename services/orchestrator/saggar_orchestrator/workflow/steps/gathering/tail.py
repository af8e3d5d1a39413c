"""The tail of a training set: its rarest combinations, before and after images were added (paper, Figure 12, Tables 11
and 12).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from saggar.dataset.manifest import Manifest

SHOWN = 20  # combinations; the paper's Figure 12
RARE_AT_MOST = 5  # real photographs; the paper's Table 11

Labels = tuple[str | None, ...]


def tail(training: Manifest, photographs: Manifest) -> dict[str, Any]:
    """Of a `training` set, against the real `photographs` of the same split.

    `rarest`: combinations with the fewest photographs, each with what the training set has of it by origin; `rare`: all
    with at most RARE_AT_MOST, those that only generated images have among them.
    """
    real = Counter(photographs.combinations())
    by_origin = {
        origin: Counter(training.select(origin=origin).combinations()) for origin in ("real", "augmented", "synthetic")
    }
    every: set[Labels] = set(real).union(*by_origin.values())
    ordered = sorted(every, key=lambda labels: (real[labels], tuple(code or "" for code in labels)))
    rare = [labels for labels in ordered if real[labels] <= RARE_AT_MOST]
    before = sum(by_origin[origin][labels] for labels in rare for origin in ("real", "augmented"))
    return {
        "rarest": [
            {
                "labels": dict(zip(training.tasks, labels, strict=True)),
                **{origin: by_origin[origin][labels] for origin in by_origin},
            }
            for labels in ordered[:SHOWN]
        ],
        "rare": {
            "at_most": RARE_AT_MOST,
            "combinations": len(rare),
            "photographs": sum(real[labels] for labels in rare),
            "before": before,
            "synthetic": sum(by_origin["synthetic"][labels] for labels in rare),
            "reached": sum(by_origin["synthetic"][labels] > 0 for labels in rare),
        },
    }
