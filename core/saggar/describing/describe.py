"""What a data set holds, in numbers: classes, combinations of labels, how uneven both are, sizes of images.

The numbers of the training set are those that an experiment would have: split, then with the threshold
augmentation (paper, section 3.2.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from saggar.dataset.augment import expand_rare
from saggar.dataset.balance import imbalance, lorenz
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import ORIGINS, SPLITS
from saggar.dataset.split import by_object, split

BELOW, TO = 50, 100  # the paper's threshold augmentation
SMALL_PX = 224  # the classifier's input; smaller photographs are enlarged
_RAREST = 12


def describe(manifest: Manifest, *, below: int = BELOW, to: int = TO, split_seed: int = 0) -> dict[str, Any]:
    """`manifest` in numbers, ready for JSON.

    - images, objects, splits and origins (those that occur), image_sizes
    - tasks: per task `counts` by class, `by_split` (class -> split -> images), `unknown`, and `imbalance`
      (None when nothing is known)
    - combinations: of all labels: `count`, `regimes` (by number of objects, as the split treats them),
      `imbalance`, and the `rarest` ones
    - training: `split_kept` (False: the data set has no split, and one was made with `split_seed` for these
      numbers), `below` and `to`, and `before` and `after` the threshold augmentation: `images`, `imbalance`
      by task and of combinations, `sizes` of combinations in falling order, and their `lorenz` curve

    Synthetic images take no part in combinations and training; augmented ones only as the rule makes them.
    """
    divided, kept = with_split(manifest, split_seed)
    real = divided.select(origin="real")
    frame = manifest.frame
    return {
        "images": len(manifest),
        "objects": int(frame["object_id"].nunique()),
        "splits": _counts(manifest, "split", SPLITS),
        "origins": _counts(manifest, "origin", ORIGINS),
        "image_sizes": _image_sizes(manifest),
        "tasks": {task: _task(manifest, real, task) for task in manifest.tasks},
        "combinations": _combinations(real),
        "training": {
            "split_kept": kept,
            "split_seed": None if kept else split_seed,
            "below": below,
            "to": to,
            "before": _training(real),
            "after": _training(expand_rare(real, below, to, seed=0)),
        },
    }


def with_split(manifest: Manifest, seed: int) -> tuple[Manifest, bool]:
    """`manifest` with its splits, and whether they are its own; the real photographs are split otherwise."""
    if manifest.frame["split"].notna().all():
        return manifest, True
    return split(manifest.select(origin="real"), seed), False


def rarest_combinations(manifest: Manifest, limit: int) -> list[tuple[dict[str, str | None], Manifest]]:
    """The combinations with the fewest photographs, rarest first, with their rows.

    Those of which every label is known; where there are none, those of which any is.
    """
    ids, combinations = manifest.combination_ids()
    sizes = np.bincount(ids, minlength=len(combinations))
    unknown = [labels.count(None) for labels in combinations]
    complete = [i for i, n in enumerate(unknown) if n == 0]
    shown = complete or [i for i, n in enumerate(unknown) if n < len(manifest.tasks)]
    shown = sorted(shown, key=lambda i: (sizes[i], i))[:limit]
    order = np.argsort(ids, kind="stable")
    ends = np.cumsum(sizes)
    return [
        (
            dict(zip(manifest.tasks, combinations[i], strict=True)),
            manifest.take(order[ends[i] - sizes[i] : ends[i]]),
        )
        for i in shown
    ]


def _counts(manifest: Manifest, column: str, order: tuple[str, ...]) -> dict[str, int]:
    counted = manifest.frame[column].value_counts()
    return {name: int(counted[name]) for name in order if name in counted.index}


def _image_sizes(manifest: Manifest) -> dict[str, Any]:
    """Smallest, median and largest sides in pixels, and how many images are below the classifier's input."""
    known = manifest.frame.loc[(manifest.frame["width_px"] > 0) & (manifest.frame["height_px"] > 0)]
    sides = known[["width_px", "height_px"]]
    values: dict[str, Any] = {"known": len(known)}
    if len(known):
        for name, column in (
            ("width_px", sides["width_px"]),
            ("height_px", sides["height_px"]),
            ("shorter_side_px", sides.min(axis=1)),
        ):
            low, middle, high = np.quantile(column, [0, 0.5, 1]).tolist()
            values[name] = {"min": int(low), "median": float(middle), "max": int(high)}
        values[f"below_{SMALL_PX}_px"] = int((sides.min(axis=1) < SMALL_PX).sum())
    return values


def _task(manifest: Manifest, divided: Manifest, task: str) -> dict[str, Any]:
    counts = manifest.counts(task)
    by_split = {name: divided.select(split=name).counts(task) for name in SPLITS}
    return {
        "counts": counts,
        "by_split": {code: {name: by_split[name].get(code, 0) for name in SPLITS} for code in counts},
        "unknown": len(manifest) - sum(counts.values()),
        "imbalance": imbalance(list(counts.values())) if counts else None,
    }


def _combinations(real: Manifest) -> dict[str, Any]:
    counts, known = _by_combination(real)
    sizes = counts[known]
    own = by_object(real)["combination"].to_numpy(dtype=np.intp)
    objects = np.bincount(own[known[own]])
    return {
        "count": len(sizes),
        "regimes": {
            "1": int((objects == 1).sum()),
            "2": int((objects == 2).sum()),
            "3-9": int(((objects >= 3) & (objects < 10)).sum()),
            "10+": int((objects >= 10).sum()),
        },
        "rarest": [
            {"labels": labels, "images": len(rows), **_counts(rows, "split", SPLITS)}
            for labels, rows in rarest_combinations(real, _RAREST)
        ],
        "imbalance": imbalance(sizes) if len(sizes) else None,
    }


def _training(divided: Manifest) -> dict[str, Any]:
    training = divided.select(split="train")
    counts, known = _by_combination(training)
    sizes = np.sort(counts[known])[::-1]  # images of which nothing is known are left out
    by_task = {task: list(training.counts(task).values()) for task in training.tasks}
    return {
        "images": len(training),
        "imbalance": {
            **{task: imbalance(counts) if counts else None for task, counts in by_task.items()},
            "combinations": imbalance(sizes) if len(sizes) else None,
        },
        "sizes": sizes.tolist(),
        "lorenz": lorenz(sizes).round(4).tolist() if len(sizes) else [],
    }


def _by_combination(manifest: Manifest) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """[G] images per combination of labels, and whether it has any label."""
    ids, combinations = manifest.combination_ids()
    known = np.array([any(code is not None for code in labels) for labels in combinations], dtype=np.bool_)
    return np.bincount(ids, minlength=len(combinations)), known
