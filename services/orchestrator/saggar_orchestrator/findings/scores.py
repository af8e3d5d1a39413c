"""Scores of an arm's runs on the test split, and its differences to the baseline, as plain values for
results.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings import evidence
from saggar_orchestrator.findings.predictions import Predictions


def task_scores(task: str, codes: tuple[str, ...], predictions: Sequence[Predictions]) -> dict[str, Any]:
    """One task over all runs: score -> mean and s.d. over seeds; F1 per class; confusion matrix added up over
    seeds.
    """
    matrices = [evidence.confusion(p.true[task], p.predicted[task], len(codes)) for p in predictions]
    support = matrices[0].sum(axis=1)
    n = int(support.sum())
    runs = [
        {
            "macro_f1": float(evidence.macro_f1(matrix)),
            "accuracy": float(evidence.accuracy(matrix)),
            "top5": p.top_k_accuracy(task, 5),
            "weighted_f1": float(evidence.class_f1(matrix) @ support / max(1, n)),
        }
        for matrix, p in zip(matrices, predictions, strict=True)
    ]
    return {
        "task": task,
        "n": n,
        "support": support.tolist(),
        "commonest_share": float(support.max() / max(1, n)),
        **{name: spread([run[name] for run in runs]) for name in ("macro_f1", "accuracy", "top5", "weighted_f1")},
        "class_f1": np.mean([evidence.class_f1(matrix) for matrix in matrices], axis=0).round(4).tolist(),
        "confusion": np.sum(matrices, axis=0).tolist(),  # added up over seeds
        "runs": runs,
    }


def differences(
    taxonomy: Taxonomy,
    arm: Sequence[Predictions],
    baseline: Sequence[Predictions],
    objects: Mapping[str, str],
    resamples: int = evidence.RESAMPLES,
) -> dict[str, Any]:
    """Score -> task (and `mean`) -> difference to the baseline; `objects` names each image's object."""
    reference = baseline[0]
    for other in (*arm, *baseline):
        if other.images != reference.images:
            raise ValueError("runs were evaluated on different test images")  # an error of this program
    tasks = [t for t in taxonomy.tasks if (reference.true[t.name] >= 0).any()]
    numbers = {name: i for i, name in enumerate(sorted({objects[image] for image in reference.images}))}
    found = evidence.paired_bootstrap(
        truth=[reference.true[t.name] for t in tasks],
        arm=[[p.predicted[t.name] for t in tasks] for p in arm],
        baseline=[[p.predicted[t.name] for t in tasks] for p in baseline],
        classes=[len(t.codes) for t in tasks],
        objects=np.array([numbers[objects[image]] for image in reference.images]),
        resamples=resamples,
    )
    names = [*(t.name for t in tasks), "mean"]
    return {
        score: {name: asdict(difference) for name, difference in zip(names, per_task, strict=True)}
        for score, per_task in found.items()
    } | {"resamples": resamples, "objects": len(numbers)}


def spread(values: list[float]) -> dict[str, float | None]:
    """Mean and sample s.d. over seeds (none for one seed)."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": sd}
