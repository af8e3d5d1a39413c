"""What is said of one photograph: classes, sets, abstentions, the joint combination, and whether it is porcelain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from saggar.bundle import Neighbour
from saggar.certainty.sets import SetRule, prediction_set

from saggar_classifier.answers.combinations import JointCombination
from saggar_classifier.answers.ranking import RankedClass, top_classes
from saggar_classifier.answers.speaker import Speaker

Probabilities = dict[str, npt.NDArray[np.float32]]

_NO_NEIGHBOURS = "the model does not keep the training photographs, so there are none to compare with"
LEAST_PROBABILITY = 0.5  # an answer below it is more probably wrong than right


@dataclass(frozen=True)
class Question:
    """What is asked; `coverage` None: 0.9, or the nearest that the model has."""

    top_k: int = 5
    coverage: float | None = None
    least_probability: float = LEAST_PROBABILITY
    neighbours: int = 0


@dataclass(frozen=True)
class PredictedSet:
    """Classes that hold the true one with the rule's chance, the most probable first."""

    rule: SetRule
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Abstention:
    """Why the most probable class should not be taken for an answer."""

    reason: Literal["improbable", "unlike training"]
    value: float
    threshold: float
    explanation: str


@dataclass(frozen=True)
class TaskAnswer:
    classes: tuple[RankedClass, ...]
    calibrated: bool
    sets: tuple[PredictedSet, ...]
    abstention: Abstention | None


@dataclass(frozen=True)
class Novelty:
    """Whether the photograph is like those that the model has learnt from."""

    score: float
    threshold: float
    false_alarms: float
    objects: int

    @property
    def not_porcelain(self) -> bool:
        return self.score > self.threshold


@dataclass(frozen=True)
class Answer:
    """Of one photograph, with what the model cannot say in `notes`."""

    model_id: str
    tasks: Mapping[str, TaskAnswer]
    combination: JointCombination | None
    novelty: Novelty | None
    neighbours: tuple[Neighbour, ...]
    preprocessing_sha256: str
    notes: tuple[str, ...]


def answer(
    speaker: Speaker, probabilities: Probabilities, features: npt.NDArray[np.float32], question: Question
) -> Answer:
    """What `question` asks. probabilities [C] per task, features [F]. InvalidInputError for a coverage without rule."""
    rules = speaker.rules(question.coverage)
    novelty = _novelty(speaker, features)
    tasks = {}
    for task in speaker.card.taxonomy.tasks:
        values = probabilities[task.name]
        classes = top_classes(values, task, question.top_k)
        tasks[task.name] = TaskAnswer(
            classes,
            task.name in speaker.card.calibration,
            tuple(
                PredictedSet(rule, tuple(task.codes[index] for index in prediction_set(values, rule)))
                for rule in rules.get(task.name, ())
            ),
            _abstention(classes[0], novelty, question.least_probability),
        )
    return Answer(
        speaker.card.bundle_id,
        tasks,
        speaker.combinations.best(probabilities),
        novelty,
        _neighbours(speaker, features, question.neighbours),
        speaker.preprocessing_sha256,
        (*speaker.notes, _NO_NEIGHBOURS) if question.neighbours and speaker.neighbours is None else speaker.notes,
    )


def _neighbours(speaker: Speaker, features: npt.NDArray[np.float32], count: int) -> tuple[Neighbour, ...]:
    if not count or speaker.neighbours is None:
        return ()
    return tuple(speaker.neighbours.nearest(features[None], speaker.card.codes(), count)[0])


def _novelty(speaker: Speaker, features: npt.NDArray[np.float32]) -> Novelty | None:
    rule = speaker.card.novelty
    if rule is None or speaker.novelty is None:
        return None
    return Novelty(float(speaker.novelty.scores(features[None])[0]), rule.threshold, rule.false_alarms, rule.objects)


def _abstention(best: RankedClass, novelty: Novelty | None, least: float) -> Abstention | None:
    if novelty is not None and novelty.not_porcelain:
        text = (
            f"the photograph is unlike those that the model has learnt from (score {novelty.score:.3g}, above "
            f"{novelty.threshold:.3g})"
        )
        return Abstention("unlike training", novelty.score, novelty.threshold, text)
    if best.probability < least:
        text = f"{best.entry.names.en} is the most probable, with {best.probability:.0%}: less than {least:.0%}"
        return Abstention("improbable", best.probability, least, text)
    return None
