"""What a data set holds, in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from saggar.dataset.balance import imbalance
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import ORIGINS, SPLITS

_RAREST_SHOWN = 10


def describe(manifest: Manifest) -> dict[str, Any]:
    """Counts of `manifest`, ready for JSON.

    images, objects; splits and origins (those that occur); tasks: per task `counts` by class, `unknown`, and
    `imbalance` (None when nothing is known); combinations: `count`, `sizes` by the split's bands, the
    `rarest` ten and `imbalance`.
    """
    frame = manifest.frame
    return {
        "images": len(manifest),
        "objects": int(frame["object_id"].nunique()),
        "splits": _counts(manifest, "split", SPLITS),
        "origins": _counts(manifest, "origin", ORIGINS),
        "tasks": {task: _task(manifest, task) for task in manifest.tasks},
        "combinations": _combinations(manifest),
    }


def _counts(manifest: Manifest, column: str, order: tuple[str, ...]) -> dict[str, int]:
    counted = manifest.frame[column].value_counts()
    return {name: int(counted[name]) for name in order if name in counted.index}


def _task(manifest: Manifest, task: str) -> dict[str, Any]:
    counts = manifest.counts(task)
    return {
        "counts": counts,
        "unknown": len(manifest) - sum(counts.values()),
        "imbalance": imbalance(list(counts.values())) if counts else None,
    }


def _combinations(manifest: Manifest) -> dict[str, Any]:
    ids, combinations = manifest.combination_ids()
    sizes = np.bincount(ids, minlength=len(combinations))
    order = np.argsort(sizes, kind="stable")[:_RAREST_SHOWN]
    return {
        "count": len(combinations),
        "sizes": {
            "1": int((sizes == 1).sum()),
            "2": int((sizes == 2).sum()),
            "3-9": int(((sizes >= 3) & (sizes < 10)).sum()),
            "10+": int((sizes >= 10).sum()),
        },
        "rarest": [
            {"labels": dict(zip(manifest.tasks, combinations[i], strict=True)), "images": int(sizes[i])}
            for i in order
        ],
        "imbalance": imbalance(sizes) if len(combinations) else None,
    }
