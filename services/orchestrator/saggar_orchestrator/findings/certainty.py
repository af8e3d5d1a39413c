"""How sure answers are, and whether they are as often right as they say: on the test split, per task, over all seeds.

Reliability and its error as in `saggar.certainty.calibration`, by object. The sets are those of each training's own
bundle, which promise a coverage on objects like the calibration's; here it is counted on the test photographs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.certainty import calibration
from saggar.certainty.sets import SetRule, set_scores
from saggar.taxonomy import Task, Taxonomy

from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.scores import spread

SetRules = Mapping[str, Sequence[SetRule]]  # task -> rules


def certainty(taxonomy: Taxonomy, trained: Sequence[Trained], rules: Sequence[SetRules]) -> dict[str, dict[str, Any]]:
    """By task with labels: `reliability` (bins over all seeds), `expected_error` and `brier` (over trainings), and
    `sets`, a row per kind and coverage that every training has a rule for. rules: of each of `trained`.
    """
    found = {}
    for task in taxonomy.tasks:
        parts = [_Part(task, one, own.get(task.name, ())) for one, own in zip(trained, rules, strict=True)]
        parts = [part for part in parts if len(part.true)]
        if parts:
            found[task.name] = _of_task(parts)
    return found


class _Part:
    """What one training says of the labelled test images of one task."""

    def __init__(self, task: Task, one: Trained, rules: Sequence[SetRule]) -> None:
        said = one.predictions
        known = said.true[task.name] >= 0
        self.true = said.true[task.name][known]
        self.probabilities = said.probabilities[task.name][known]
        self.weights = calibration.object_weights([name for name, of in zip(said.objects, known, strict=True) if of])
        self.rules = {(rule.kind, rule.coverage): rule for rule in rules}

    def bins(self) -> tuple[calibration.ReliabilityBin, ...]:
        return calibration.reliability(self.probabilities, self.true, self.weights)

    def sets(self, rule: SetRule) -> npt.NDArray[np.bool_]:
        """[N, C] which classes are in each set; the likeliest always is."""
        inside = np.zeros(self.probabilities.shape, dtype=bool)
        inside[np.arange(len(inside)), self.probabilities.argmax(axis=1)] = True
        if rule.threshold is None:
            return np.ones_like(inside)
        scores = set_scores(self.probabilities, rule.kind, rule.prevalence, rule.prior)
        return np.asarray(inside | (scores <= rule.threshold))


def _of_task(parts: Sequence[_Part]) -> dict[str, Any]:
    probabilities, true, weights = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("probabilities", "true", "weights")
    )
    common = set.intersection(*(set(part.rules) for part in parts))
    return {
        "reliability": [one.model_dump() for one in calibration.reliability(probabilities, true, weights)],
        "expected_error": spread([calibration.expected_error(part.bins()) for part in parts]),
        "brier": spread([calibration.brier(part.probabilities, part.true, part.weights) for part in parts]),
        "sets": [_sets(parts, kind, coverage) for kind, coverage in sorted(common)],
    }


def _sets(parts: Sequence[_Part], kind: str, coverage: float) -> dict[str, Any]:
    """`reached`: share of objects whose set holds the true class; `size`: mean number of classes in a set."""
    reached, sizes, alone = [], [], []
    for part in parts:
        inside = part.sets(part.rules[kind, coverage])  # type: ignore[index]
        holds = inside[np.arange(len(inside)), part.true]
        reached.append(float(np.average(holds, weights=part.weights)))
        sizes.append(float(np.average(inside.sum(axis=1), weights=part.weights)))
        alone.append(float(np.average(inside.sum(axis=1) == 1, weights=part.weights)))
    return {
        "kind": kind,
        "promised": coverage,
        "reached": spread(reached),
        "size": spread(sizes),
        "single": spread(alone),  # share of sets of one class
    }
