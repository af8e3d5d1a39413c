"""Who learns what became of photographs, beside the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Timing:
    """Where the time of one photograph went, in seconds."""

    queue_s: float
    decode_s: float  # with scaling
    network_s: float
    answer_s: float


@dataclass(frozen=True)
class Remark:
    """What was said of one photograph, for whoever watches the service: nothing of its content."""

    model_id: str
    codes: Mapping[str, str]  # most probable class by task
    abstained: frozenset[str]  # tasks
    not_porcelain: bool | None  # None: the model cannot say, or was not asked
    timing: Timing


class Observer(Protocol):
    """Is called by many threads, between photographs: it must be quick."""

    def answered(self, remark: Remark) -> None: ...

    def failed(self, error: BaseException) -> None: ...


class Observers:
    """Tells each of them; with none, nobody."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def answered(self, remark: Remark) -> None:
        for each in self._observers:
            each.answered(remark)

    def failed(self, error: BaseException) -> None:
        for each in self._observers:
            each.failed(error)
