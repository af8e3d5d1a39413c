"""What a bundle allows to be said: its rules, ready for use, and what it cannot say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from saggar.bundle import BundleCard, Neighbours
from saggar.certainty.novelty import NoveltyModel
from saggar.certainty.sets import KINDS, SetRule
from saggar.errors import FieldViolation, refuse

from saggar_classifier.answers.combinations import JointSearch

_USUAL_COVERAGE = 0.9


@dataclass(frozen=True)
class Speaker:
    """Of one bundle. Immutable, and safe to use from many threads."""

    card: BundleCard
    novelty: NoveltyModel | None
    neighbours: Neighbours | None
    combinations: JointSearch
    notes: tuple[str, ...]
    preprocessing_sha256: str

    @staticmethod
    def of(card: BundleCard, novelty: NoveltyModel | None, neighbours: Neighbours | None) -> Speaker:
        search = JointSearch(card.taxonomy)
        return Speaker(card, novelty, neighbours, search, notes_on(card), preprocessing_sha256(card))

    def rules(self, coverage: float | None) -> Mapping[str, tuple[SetRule, ...]]:
        """Per task the rules for this coverage, of every kind. None: 0.9, or the nearest that the task has.

        Raises InvalidInputError where no task has it; nothing is refused where the bundle has no rules at all.
        """
        known = sorted({rule.coverage for rules in self.card.prediction_sets.values() for rule in rules})
        if coverage is not None and known and coverage not in known:
            text = f"is {coverage:g}; model {self.card.bundle_id} has rules for {', '.join(f'{c:g}' for c in known)}"
            refuse([FieldViolation("coverage", text)])
        return {
            task: tuple(_rule(rules, kind, coverage) for kind in KINDS if any(rule.kind == kind for rule in rules))
            for task, rules in self.card.prediction_sets.items()
        }


def notes_on(card: BundleCard) -> tuple[str, ...]:
    """What the model of `card` cannot say, in sentences for people."""
    names = card.taxonomy.task_names
    notes = []
    if bare := [task for task in names if task not in card.calibration]:
        which = "" if len(bare) == len(names) else f" of {', '.join(bare)}"
        notes.append(f"the probabilities{which} are not calibrated: read them as an order, not as chances")
    if bare := [task for task in names if not card.prediction_sets.get(task)]:
        which = "" if len(bare) == len(names) else f" for {', '.join(bare)}"
        notes.append(f"the model has no prediction sets{which}: it does not say which other classes are possible")
    if card.novelty is None or card.novelty_model is None:
        notes.append("the model cannot tell photographs that are not of porcelain: it names classes for anything")
    return tuple(notes)


def preprocessing_sha256(card: BundleCard) -> str:
    """Equal where decoding and scaling are."""
    return hashlib.sha256(json.dumps(card.input_spec.to_dict(), sort_keys=True).encode()).hexdigest()


def _rule(rules: tuple[SetRule, ...], kind: str, coverage: float | None) -> SetRule:
    aim = _USUAL_COVERAGE if coverage is None else coverage
    return min((rule for rule in rules if rule.kind == kind), key=lambda rule: abs(rule.coverage - aim))
