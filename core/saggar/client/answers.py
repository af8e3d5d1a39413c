"""What the classifier says of a photograph, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from saggar.errors import NotFoundError
from saggar.v1 import classifier_pb2

SetKind = Literal["marginal", "prevalence"]
Reason = Literal["improbable", "unlike training", "unknown"]

_REASONS: dict[int, Reason] = {
    classifier_pb2.ABSTENTION_REASON_IMPROBABLE: "improbable",
    classifier_pb2.ABSTENTION_REASON_UNLIKE_TRAINING: "unlike training",
}


@dataclass(frozen=True)
class Question:
    """What is asked of each photograph.

    `coverage`: with which chance sets are to hold the true class (None: 0.9, or the nearest that the model has).
    `least_probability`: below it a task is abstained from (None: 0.5). `neighbours`: training photographs to compare
    with.
    """

    top_k: int = 5
    coverage: float | None = None
    least_probability: float | None = None
    neighbours: int = 0


@dataclass(frozen=True)
class Candidate:
    """A class with its probability, 0 to 1."""

    code: str
    name: str  # English
    probability: float
    name_zh_hans: str = ""
    name_zh_hant: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.probability:.0%}"


@dataclass(frozen=True)
class PredictionSet:
    """Classes that hold the true one with the chance `coverage`, over new objects; the most probable first."""

    kind: SetKind
    coverage: float
    codes: tuple[str, ...]
    objects: int  # of calibration
    coverage_sd: float


@dataclass(frozen=True)
class Abstention:
    """Why the most probable class should not be taken for an answer: `value` is on the wrong side of `threshold`."""

    reason: Reason
    value: float
    threshold: float
    explanation: str


@dataclass(frozen=True)
class JointCombination:
    """The most probable classes that the taxonomy says can go together."""

    labels: Mapping[str, str]
    probability: float  # product of the tasks' probabilities
    best_classes_agree: bool


@dataclass(frozen=True)
class NotPorcelain:
    """Whether the photograph is unlike those that the model has learnt from: `score` is above `threshold`."""

    score: float
    threshold: float
    not_porcelain: bool
    false_alarms: float  # share of photographs of porcelain above the threshold
    objects: int


@dataclass(frozen=True)
class Neighbour:
    """A photograph that the model was trained with, and what the catalogue says of it."""

    image: str  # key in the store of whoever trained; holds the SHA-256 of its bytes
    object_id: str
    labels: Mapping[str, str]
    distance: float  # 1 - cosine, 0 to 2
    source: str = ""
    licence: str = ""
    credit_line: str = ""
    object_url: str = ""


@dataclass(frozen=True)
class Timing:
    """Milliseconds by stage."""

    queue_ms: float
    decode_ms: float
    network_ms: float
    answer_ms: float


@dataclass(frozen=True)
class TaskAnswer:
    """Of one task: the most probable classes, the best first."""

    candidates: tuple[Candidate, ...]
    calibrated: bool
    sets: tuple[PredictionSet, ...]
    abstention: Abstention | None  # None: the best class may be taken for an answer


@dataclass(frozen=True)
class Classification:
    """What one photograph shows. Two of them are equal where they say the same, whatever time it took."""

    model_id: str
    tasks: Mapping[str, TaskAnswer]
    combination: JointCombination | None  # None: the taxonomy does not say what goes together
    not_porcelain: NotPorcelain | None  # None: the model cannot say
    neighbours: tuple[Neighbour, ...]
    preprocessing_sha256: str
    notes: tuple[str, ...]  # what the model cannot say
    timing: Timing = field(compare=False)

    @property
    def candidates(self) -> Mapping[str, tuple[Candidate, ...]]:
        """Per task the most probable classes."""
        return {name: task.candidates for name, task in self.tasks.items()}

    def task(self, name: str) -> TaskAnswer:
        """NotFoundError for a task that the model does not answer."""
        if name not in self.tasks:
            raise NotFoundError(f"the model has no task '{name}'; it has {', '.join(self.tasks)}", name)
        return self.tasks[name]

    def best(self, task: str) -> Candidate:
        """The most probable class, however probable; NotFoundError as `task`."""
        return self.task(task).candidates[0]

    def answer(self, task: str) -> Candidate | None:
        """The most probable class, or None where the model abstains; NotFoundError as `task`."""
        return None if self.task(task).abstention else self.best(task)

    def prediction_set(self, task: str, kind: SetKind = "marginal") -> PredictionSet | None:
        """The classes that hold the true one with the stated chance, None where the model has no rule for them."""
        return next((each for each in self.task(task).sets if each.kind == kind), None)

    def to_json(self) -> dict[str, Any]:
        """Plain values, all of them, for a program to read."""
        return asdict(self)


def classify_request(image: bytes, question: Question) -> classifier_pb2.ClassifyRequest:
    """The contract's message."""
    return classifier_pb2.ClassifyRequest(
        image=image,
        top_k=question.top_k,
        coverage=question.coverage,
        least_probability=question.least_probability,
        neighbours=question.neighbours,
    )


def classification_from_message(message: classifier_pb2.ClassifyResponse) -> Classification:
    timing, tasks = message.timing, [prediction.task for prediction in message.predictions]
    return Classification(
        message.model_id,
        {prediction.task: _task(prediction) for prediction in message.predictions},
        _combination(message.combination, tasks) if message.HasField("combination") else None,
        _not_porcelain(message.not_porcelain) if message.HasField("not_porcelain") else None,
        tuple(_neighbour(each, tasks) for each in message.neighbours),
        message.preprocessing_sha256,
        tuple(message.notes),
        Timing(timing.queue_ms, timing.decode_ms, timing.network_ms, timing.answer_ms),
    )


def _task(message: classifier_pb2.TaskPrediction) -> TaskAnswer:
    return TaskAnswer(
        tuple(
            Candidate(each.code, each.name, each.probability, each.name_zh_hans, each.name_zh_hant)
            for each in message.classes
        ),
        message.calibrated,
        tuple(
            PredictionSet(_kind(each.kind), each.coverage, tuple(each.codes), each.objects, each.coverage_sd)
            for each in message.prediction_sets
        ),
        _abstention(message.abstention) if message.HasField("abstention") else None,
    )


def _kind(name: str) -> SetKind:
    return "prevalence" if name == "prevalence" else "marginal"


def _abstention(message: classifier_pb2.Abstention) -> Abstention:
    reason = _REASONS.get(message.reason, "unknown")
    return Abstention(reason, message.value, message.threshold, message.explanation)


def _combination(message: classifier_pb2.JointCombination, tasks: Sequence[str]) -> JointCombination:
    return JointCombination(_in_order(message.labels, tasks), message.probability, message.best_classes_agree)


def _not_porcelain(message: classifier_pb2.NotPorcelain) -> NotPorcelain:
    return NotPorcelain(message.score, message.threshold, message.not_porcelain, message.false_alarms, message.objects)


def _neighbour(message: classifier_pb2.Neighbour, tasks: Sequence[str]) -> Neighbour:
    return Neighbour(
        message.image,
        message.object_id,
        _in_order(message.labels, tasks),
        message.distance,
        message.source,
        message.licence,
        message.credit_line,
        message.object_url,
    )


def _in_order(labels: Mapping[str, str], tasks: Sequence[str]) -> dict[str, str]:
    """A message's mapping has no order of its own."""
    return {task: labels[task] for task in tasks if task in labels}
