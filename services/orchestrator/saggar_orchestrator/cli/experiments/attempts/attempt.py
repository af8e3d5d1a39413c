"""One attempt at an experiment, and what keeps note of all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Attempt:
    """The latest attempt at an experiment. state: running, interrupted, succeeded, failed or cancelled."""

    state: str
    error: str = ""
    error_kind: str = ""
    workflow_id: str = ""
    seconds: float = 0.0


class Attempts(Protocol):
    """What keeps note of attempts and of their steps."""

    def begun(self) -> Collection[str]:
        """The experiments that have any attempt. Of an orchestrator elsewhere: UnavailableError when its store was
        emptied.
        """
        ...

    def latest(self, ids: Sequence[str]) -> dict[str, Attempt]:
        """The latest attempt at each of `ids` that has one."""
        ...

    def steps(self, identity: str, attempt: Attempt, titles: Sequence[str]) -> list[dict[str, Any]]:
        """title, state and seconds of every step of an experiment that is not finished."""
        ...

    def recorded_steps(self) -> dict[str, dict[str, Any]]:
        """The results of all steps, by the steps' ids."""
        ...

    def delete(self, identity: str) -> None:
        """Takes the experiment out of the store, and all attempts at it out of the notes."""
        ...
