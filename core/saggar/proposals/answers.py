"""What the classifier said of one row: plain values that go into a journal and come out of it unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from saggar.client import Classification


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
    answered: str = ""  # UTC, ISO 8601
    not_porcelain: float | None = None  # 0 to 1; None where the model does not say
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
        return RowAnswer(**{**value, "tasks": None if tasks is None else made})


def answer_of(found: Classification, answered: str) -> RowAnswer:
    """The client's classification as an answer."""
    return RowAnswer(
        model_id=found.model_id,
        answered=answered,
        tasks={
            task: TaskProposal(best.code, best.name, best.probability) for task, (best, *_) in found.candidates.items()
        },
    )
