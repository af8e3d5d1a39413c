"""Which model an experiment proposes for service, by its validation scores alone: the test split has no say.

The one-standard-error rule (Breiman et al. 1984, section 3.4.3): the simplest arm whose mean is within one standard
error of the best arm's, and the baseline is the simplest. That is no test: of arms that are all alike, another than the
baseline is proposed in a quarter of experiments or more, for the more arms, the further off is the best of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def propose(arms: Sequence[Mapping[str, Any]], baseline: str) -> dict[str, Any]:
    """The arm by the rule, and its training that did best on validation.

    `arms` in the order of the experiment file, each with `name`, `by_origin` (training images by origin) and `runs`.
    After the baseline an arm is the simpler the fewer synthetic images it has, then the earlier it stands. Arms
    that were trained once have no standard error: nothing speaks against the baseline then.
    """
    scores = {arm["name"]: [float(run["validation_macro_f1"]) for run in arm["runs"]] for arm in arms}
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    best = max(means, key=lambda name: (means[name], name == baseline))
    error = _standard_error(scores[best])
    floor = means[best] - error if error is not None else -math.inf
    simple = sorted(arms, key=lambda arm: (arm["name"] != baseline, arm["by_origin"].get("synthetic", 0)))
    arm = next(arm for arm in simple if means[arm["name"]] >= floor)
    run = max(arm["runs"], key=lambda one: one["validation_macro_f1"])
    return {
        "arm": arm["name"],
        "mean_validation_macro_f1": means[arm["name"]],
        "best_arm": best,
        "best_mean_validation_macro_f1": means[best],
        "standard_error": error,
        "seed": run["seed"],
        "fold": run["fold"],
        "model_id": run["model_id"],
        "bundle": run["bundle"],
        "validation_macro_f1": run["validation_macro_f1"],
    }


def _standard_error(scores: Sequence[float]) -> float | None:
    """Of the mean over trainings; none for one training."""
    return float(np.std(scores, ddof=1)) / math.sqrt(len(scores)) if len(scores) > 1 else None
