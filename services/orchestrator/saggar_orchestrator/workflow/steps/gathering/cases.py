"""Photographs of the test split that a classifier is sure of, rightly and wrongly: what a report explains."""

from __future__ import annotations

from typing import Any

import numpy as np
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.answers import Trained

RIGHT, WRONG = 2, 4  # of each task


def cases(taxonomy: Taxonomy, trained: Trained, model_id: str) -> dict[str, Any]:
    """Per task with labels, the photographs with the surest right and the surest wrong answers of one training, each
    of another class where there are enough.
    """
    return {"model_id": model_id, "seed": trained.seed, "tasks": {t.name: _of_task(t, trained) for t in taxonomy.tasks}}


def _of_task(task: Any, trained: Trained) -> list[dict[str, Any]]:
    said = trained.predictions
    true, predicted = said.true[task.name], said.predicted[task.name]
    sure = said.probabilities[task.name].max(axis=1)
    found = []
    for right, most in ((True, RIGHT), (False, WRONG)):
        rows = np.flatnonzero((true >= 0) & ((true == predicted) == right))
        ranked = rows[np.argsort(-sure[rows], kind="stable")].tolist()
        firsts = list({int(true[row]): row for row in reversed(ranked)}.values())
        chosen = sorted(firsts, key=ranked.index)[:most]
        chosen += [row for row in ranked if row not in chosen][: most - len(chosen)]
        found += [
            {
                "image": said.images[row],
                "true": task.codes[true[row]],
                "predicted": task.codes[predicted[row]],
                "probability": float(sure[row]),
                "right": right,
            }
            for row in chosen
        ]
    return found
