"""What the classifier said of one row: plain values that go into a journal and come out of it unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from saggar.client import Classification, PredictionSet


@dataclass(frozen=True)
class TaskProposal:
    """The most probable class of one task with its probability, and the set of classes that are possible."""

    code: str
    name: str  # English
    confidence: float  # 0 to 1
    possible: tuple[str, ...] = ()  # codes of the prediction set; empty where the model states none
    abstains: bool = False  # the model is not sure enough to propose anything


@dataclass(frozen=True)
class RowAnswer:
    """One row's answer, or `error`: why there is none."""

    error: str = ""
    passing: bool = False  # of an error: asking again may help
    model_id: str = ""
    data_snapshot: str = ""  # SHA-256 of the data set that the model was trained with
    answered: str = ""  # UTC, ISO 8601
    coverage: float | None = None  # chance of sets to hold the true class; None where there are no sets
    not_porcelain: bool | None = None  # None where the model does not say
    not_porcelain_score: float | None = None
    notes: tuple[str, ...] = ()  # sentences for people
    tasks: Mapping[str, TaskProposal] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` makes an equal answer of."""
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> RowAnswer:
        """Raises ValueError, TypeError or KeyError for what `to_json` did not write."""
        tasks = value["tasks"]
        made = {
            task: TaskProposal(**{**each, "possible": tuple(each["possible"])}) for task, each in (tasks or {}).items()
        }
        return RowAnswer(**{**value, "notes": tuple(value["notes"]), "tasks": None if tasks is None else made})


def answer_of(found: Classification, answered: str, data_snapshot: str) -> RowAnswer:
    """The client's classification as an answer."""
    sets = {task: found.prediction_set(task) for task in found.tasks}
    coverages = [each.coverage for each in sets.values() if each is not None]
    doubt = found.not_porcelain
    return RowAnswer(
        model_id=found.model_id,
        data_snapshot=data_snapshot,
        answered=answered,
        coverage=coverages[0] if coverages else None,
        not_porcelain=doubt.not_porcelain if doubt else None,
        not_porcelain_score=doubt.score if doubt else None,
        notes=tuple(_notes(found)),
        tasks={task: _proposal(found, task, sets[task]) for task in found.tasks},
    )


def _proposal(found: Classification, task: str, possible: PredictionSet | None) -> TaskProposal:
    best = found.best(task)
    return TaskProposal(
        best.code, best.name, best.probability, possible.codes if possible else (), found.answer(task) is None
    )


def _notes(found: Classification) -> list[str]:
    """What the model cannot say, why it abstains, and where its best classes do not go together."""
    reasons: dict[str, list[str]] = {}
    for name, task in found.tasks.items():
        if task.abstention:
            reasons.setdefault(task.abstention.explanation or task.abstention.reason, []).append(name)
    notes = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    if found.combination and not found.combination.best_classes_agree:
        labels = ", ".join(found.combination.labels.values())
        notes.append(f"the most probable classes do not go together; of those that do, the most probable are {labels}")
    return [*notes, *found.notes]
