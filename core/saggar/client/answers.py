"""What the classifier says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saggar.errors import NotFoundError
from saggar.v1 import classifier_pb2


@dataclass(frozen=True)
class Candidate:
    """A class with its probability, 0 to 1."""

    code: str
    name: str  # English
    probability: float

    def __str__(self) -> str:
        return f"{self.name} {self.probability:.0%}"


@dataclass(frozen=True)
class Classification:
    """What one photograph shows: per task the most probable classes, the best first."""

    model_id: str
    candidates: Mapping[str, tuple[Candidate, ...]]

    def best(self, task: str) -> Candidate:
        """The most probable class; NotFoundError for a task that the model does not have."""
        if task not in self.candidates:
            raise NotFoundError(f"the model has no task '{task}'; it has {', '.join(self.candidates)}", task)
        return self.candidates[task][0]


@dataclass(frozen=True)
class Description:
    """The model that is served, and the codes of each of its tasks."""

    model_id: str
    codes: Mapping[str, tuple[str, ...]]
    image_size_px: int
    annotations: Mapping[str, str]
    problem: str  # why the model that was activated last is not served; empty where it is


def classification_from_message(message: classifier_pb2.ClassifyResponse) -> Classification:
    return Classification(
        message.model_id,
        {
            prediction.task: tuple(Candidate(each.code, each.name, each.probability) for each in prediction.classes)
            for prediction in message.predictions
        },
    )


def description_from_message(message: classifier_pb2.DescribeModelResponse) -> Description:
    return Description(
        message.model_id,
        {task.task: tuple(task.codes) for task in message.tasks},
        message.image_size_px,
        dict(message.annotations),
        message.problem,
    )
