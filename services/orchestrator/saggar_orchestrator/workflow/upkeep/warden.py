"""What an orchestrator does beside its work: gives signs of life, heeds what others say of its attempts, and takes over
what the dead had begun.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dbos import DBOS, WorkflowStatus

from saggar_orchestrator.progress import Board, Cancellation
from saggar_orchestrator.workflow.attempts import WORKFLOW, experiment_of, fresh_of, is_latest, number_of
from saggar_orchestrator.workflow.database.fleet import LOOKS, Fleet
from saggar_orchestrator.workflow.fresh import Fresh

_HEED_S = 1.0
_HOLD_S = 0.1

log = logging.getLogger(__name__)


@dataclass
class Live:
    """An attempt that runs in this process."""

    workflow_id: str
    board: Board
    cancellation: Cancellation
    ended: threading.Event
    is_lost: bool = False  # another orchestrator has taken it over


class Attempts(Protocol):
    """The attempts of this process, and what is done about those of others."""

    def running(self) -> Sequence[Live]: ...
    def begin(self, identity: str, number: int, fresh: Fresh) -> None:
        """Another attempt at an experiment; where it was begun before, it is that one."""

    def close_cancelled_reviews(self) -> None:
        """Of experiments that were cancelled when nobody ran them."""

    def look_at_store(self) -> None:
        """Whether it was emptied."""


class Warden:
    """Looks after `attempts`; gives a sign of life every `beat_s`."""

    def __init__(self, fleet: Fleet, beat_s: float, attempts: Attempts) -> None:
        self._fleet, self._beat_s, self._attempts = fleet, beat_s, attempts
        self._over = threading.Event()
        self._sure_until = time.monotonic()

    def start(self) -> None:
        """After a first look, from a thread of its own."""
        self._heed()
        self.take_over(at_start=True)
        threading.Thread(target=self._watch, name="warden", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def hold(self, cancellation: Cancellation) -> None:
        """Returns as soon as it is sure that nobody has taken over what runs here, or it is cancelled: a process that
        was stopped for long and wakes up begins nothing before it has looked.
        """
        while time.monotonic() > self._sure_until and not (cancellation.requested or self._over.is_set()):
            self._over.wait(_HOLD_S)

    def heed(self) -> None:
        """Lets go of attempts that were cancelled through another orchestrator, or taken over by one."""
        live = {each.workflow_id: each for each in self._attempts.running() if not each.cancellation.requested}
        if not live:
            return
        for status in DBOS.list_workflows(workflow_ids=list(live), load_input=False, load_output=False):
            attempt = live[status.workflow_id]
            if status.status == "CANCELLED" and is_latest(status.workflow_id):
                attempt.cancellation.cancel(by_somebody=True)
            elif status.status == "CANCELLED" or status.executor_id != self._fleet.executor:
                log.warning("%s was taken over by another orchestrator", status.workflow_id)
                attempt.is_lost = True
                attempt.cancellation.cancel()

    def take_over(self, *, at_start: bool = False) -> None:
        """Attempts of the dead go on at those that live; one of another version, which this one cannot replay, as a
        new attempt, which finds its finished steps. Those of another version whose orchestrator lives are left to it.
        """
        unfinished = DBOS.list_workflows(name=WORKFLOW, status=["PENDING", "ENQUEUED"], load_output=False)
        if not unfinished:
            return
        dead = self._fleet.dead({str(status.executor_id) for status in unfinished if status.status == "PENDING"})
        versions = self._fleet.versions()
        for status in unfinished:
            own = at_start and status.executor_id == self._fleet.executor
            orphaned = status.status == "ENQUEUED" and status.app_version not in versions
            if status.app_version != self._fleet.version and (own or orphaned or status.executor_id in dead):
                self._hand_over(status)
        if dead:
            log.warning("taking over what %s had begun", ", ".join(sorted(dead)))
            DBOS._recover_pending_workflows(sorted(dead))  # noqa: SLF001 of this version; there is no public way

    def _hand_over(self, status: WorkflowStatus) -> None:
        """The new attempt first: at no time does the experiment look as if somebody had cancelled it."""
        (now,) = DBOS.list_workflows(workflow_ids=[status.workflow_id], load_input=False, load_output=False)
        if now.status not in {"PENDING", "ENQUEUED"}:  # cancelled meanwhile
            return
        if is_latest(status.workflow_id):
            log.warning("%s was begun by another version: it goes on as a new attempt", status.workflow_id)
            following = number_of(status.workflow_id) + 1  # whoever else has seen it begins the same
            self._attempts.begin(experiment_of(status.workflow_id), following, fresh_of(status))
        DBOS.cancel_workflow(status.workflow_id)

    def _watch(self) -> None:
        next_beat = time.monotonic()
        while not self._over.wait(min(_HEED_S, self._beat_s)):
            try:
                self._heed()
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._beat_s
                    self._fleet.beat()
                    self.take_over()
                    self._attempts.close_cancelled_reviews()
                    self._attempts.look_at_store()
            except Exception as error:  # noqa: BLE001 the database may be away; the next round asks it again
                if not self._over.is_set():
                    log.warning("the workflow database does not answer: %s", error)

    def _heed(self) -> None:
        """What it saw holds for half of the time after which others take this process for dead."""
        began = time.monotonic()
        self.heed()
        self._sure_until = began + self._beat_s * (LOOKS + 1) / 2
