"""What an orchestrator does beside its work: gives signs of life, heeds what others say of its attempts, and takes over
what the dead had begun.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbos import DBOS

from saggar_orchestrator.progress import Board, Cancellation
from saggar_orchestrator.workflow.database.fleet import Fleet

WORKFLOW = "experiment"  # the name of the workflow that an attempt is
_HEED_S = 1.0

log = logging.getLogger(__name__)


@dataclass
class Live:
    """An attempt that runs in this process."""

    workflow_id: str
    board: Board
    cancellation: Cancellation
    ended: threading.Event
    is_lost: bool = False  # another orchestrator has taken it over


class Warden:
    """`live` are the attempts that run here; `begin` starts another of an experiment, by its number."""

    def __init__(
        self, fleet: Fleet, beat_s: float, live: Callable[[], Sequence[Live]], begin: Callable[[str, int], None]
    ) -> None:
        self._fleet, self._beat_s, self._live, self._begin = fleet, beat_s, live, begin
        self._over = threading.Event()

    def start(self) -> None:
        """After a first look, from a thread of its own."""
        self.take_over(at_start=True)
        threading.Thread(target=self._watch, name="warden", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def heed(self) -> None:
        """Lets go of attempts that were cancelled through another orchestrator, or taken over by one."""
        live = {each.workflow_id: each for each in self._live() if not each.cancellation.requested}
        if not live:
            return
        for status in DBOS.list_workflows(workflow_ids=list(live), load_input=False, load_output=False):
            attempt = live[status.workflow_id]
            if status.status == "CANCELLED":
                attempt.cancellation.cancel(by_somebody=True)
            elif status.executor_id != self._fleet.executor:
                log.warning("%s was taken over by %s", status.workflow_id, status.executor_id)
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
                self._hand_over(status.workflow_id)
        if dead:
            log.warning("taking over what %s had begun", ", ".join(sorted(dead)))
            DBOS._recover_pending_workflows(sorted(dead))  # noqa: SLF001 of this version; there is no public way

    def _hand_over(self, workflow_id: str) -> None:
        identity, _, number = workflow_id.rpartition(".")
        DBOS.cancel_workflow(workflow_id)
        further = DBOS.list_workflows(name=WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=False)
        if max(int(status.workflow_id.rpartition(".")[2]) for status in further) == int(number):
            self._begin(identity, int(number) + 1)  # whoever else has seen it begins the same one

    def _watch(self) -> None:
        next_beat = time.monotonic()
        while not self._over.wait(min(_HEED_S, self._beat_s)):
            try:
                self.heed()
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._beat_s
                    self._fleet.beat()
                    self.take_over()
            except Exception as error:  # noqa: BLE001 the database may be away; the next round asks it again
                if not self._over.is_set():
                    log.warning("the workflow database does not answer: %s", error)
