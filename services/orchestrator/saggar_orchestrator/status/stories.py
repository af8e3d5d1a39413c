"""What has happened in experiments, by the events of the workflow database, each read once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from saggar.errors import SaggarError

from saggar_orchestrator.progress import StepView
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.stages.order import titles_of
from saggar_orchestrator.workflow.stored import read_specification

_KEPT = 300  # lines of the log
_REMEMBERED = 50  # experiments


@dataclass
class Story:
    """How the steps of an experiment stand, and the last of what happened, newest first."""

    steps: dict[int, StepView]
    log: deque[StepView] = field(default_factory=lambda: deque(maxlen=_KEPT))
    number: int = 0  # of the last event
    began: float = 0.0  # the first event's time, in seconds since 1970; 0: not known
    last: float = 0.0

    def take(self, events: Sequence[StepView]) -> None:
        for event in events:
            before = self.steps.get(event.position)
            if before is None or before.state != event.state or (event.unit == "epochs" and event.done != before.done):
                self.log.appendleft(event)
            self.steps[event.position] = event
            self.began = self.began or event.at
            self.last = event.at or self.last

    def ordered(self) -> list[StepView]:
        return [self.steps[position] for position in sorted(self.steps)]


class Stories:
    """Of all experiments of an engine. Safe for many threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Story] = {}
        self._lock = threading.Lock()

    def of(self, identity: str) -> Story:
        """Level with the database. NotFoundError for no experiment."""
        with self._lock:
            story = self._known.get(identity) or self._begun(identity)
            while True:
                number, events = self._engine.events(identity, story.number)
                if not events:
                    break
                story.take(events)
                story.number = number
            if not story.number:  # of an earlier version, or its database is gone
                for step in self._engine.steps(identity):
                    story.steps[step.position] = step
            return Story(dict(story.steps), deque(story.log, _KEPT), story.number, story.began, story.last)

    def forget(self, identity: str) -> None:
        with self._lock:
            self._known.pop(identity, None)

    def _begun(self, identity: str) -> Story:
        specification = read_specification(self._engine.store, identity)
        try:
            titles = titles_of(specification.experiment)
        except SaggarError:
            titles = ()
        while len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        made = Story({position: StepView(position, title) for position, title in enumerate(titles)})
        self._known[identity] = made
        return made
