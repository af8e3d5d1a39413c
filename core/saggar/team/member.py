"""One process of a team: `launch` starts it, and `take_part` is all that its `main` does.

The job comes in the variable SAGGAR_TRAINING_JOB, what happens goes out as JSON lines. When the standard input ends,
because the parent stops the training or is gone itself, the training stops.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from saggar.errors import CancelledError, SaggarError
from saggar.progress import Progress
from saggar.team.launch import JOB


@dataclass(frozen=True)
class Member:
    """This process: its number from 0, its job, and what is set when the job is to stop."""

    rank: int
    job: Mapping[str, Any]
    cancelled: threading.Event

    @property
    def first(self) -> bool:
        return self.rank == 0

    def report(self, progress: Progress) -> None:
        self.tell("progress", asdict(progress))

    def tell(self, what: str, values: Mapping[str, Any]) -> None:
        """Tells the parent; the first process speaks for all."""
        if self.first:
            _tell(what, values)


def take_part(do: Callable[[Member], Mapping[str, Any] | None]) -> int:
    """The exit code of a process that does `do`, which returns the first one's result, JSON-ready."""
    member = Member(int(os.environ["LOCAL_RANK"]), json.loads(os.environ[JOB]), threading.Event())
    threading.Thread(target=_wait_for_end, args=(member.cancelled,), daemon=True).start()
    try:
        result = do(member)
    except CancelledError as error:
        _tell("error", error.to_json())
        return 0  # at another code the launcher ends the others, the first in the midst of its checkpoint
    except SaggarError as error:
        _tell("error", error.to_json())
        return 1
    if result is not None:
        member.tell("result", result)
    return 0


def _tell(what: str, values: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps({what: values}) + "\n")
    sys.stdout.flush()


def _wait_for_end(cancelled: threading.Event) -> None:
    sys.stdin.read()
    cancelled.set()
