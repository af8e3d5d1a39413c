"""What of a store no experiment will ask for: nothing refers to it, and no unfinished one would take it over."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from saggar.errors import DataCorruptionError, SaggarError, WrongStateError
from saggar.progress import Progress, Report
from saggar.store import Entry, ListedStore

from saggar_orchestrator.cleaning import Circumstances, Cleaned, take_out, unreferenced
from saggar_orchestrator.progress import Cancellation
from saggar_orchestrator.workflow.database.fleet import Fleet
from saggar_orchestrator.workflow.forecast import foresee
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.run import Resources, workshop_of
from saggar_orchestrator.workflow.stored import known_ids, read_specification

_CLEANING = "store/clean"  # while somebody is in it no step begins

log = logging.getLogger(__name__)


class Cleaning:
    """Cleans the store of a fleet of orchestrators while they work."""

    def __init__(self, resources: Resources, fleet: Fleet) -> None:
        self._resources, self._fleet = resources, fleet

    def clean(
        self,
        recorded: Sequence[tuple[str, Result]],
        older_than_s: float,
        *,
        delete: bool,
        sleep: Callable[[float], None],
        report: Report,
    ) -> Cleaned:
        """Finds what nothing refers to, and deletes it if asked to. No step begins meanwhile, and what those under way
        might find again is not touched. `recorded` as for `forgotten`. WrongStateError while another cleans.
        """

        def busy() -> None:
            raise WrongStateError("the store is being cleaned already; wait until that is done")

        store = self._resources.store
        if not isinstance(store, ListedStore):
            raise WrongStateError(f"{store} cannot be cleaned from here; do it where the orchestrator runs")
        with self._fleet.alone(_CLEANING, sleep, busy):
            under_way = self._fleet.under_way("step/")
            found = forgotten(
                store, self._resources, recorded, older_than_s=older_than_s, under_way=under_way, report=report
            )
            if delete:
                found = take_out(store, found, report)
        return Cleaned.of(found, deleted=delete, is_partial=bool(under_way))

    @contextlib.contextmanager
    def undisturbed(
        self, name: str, wait: Callable[[float], None], on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """As `Fleet.alone`; and the block begins when nobody cleans the store, who might take away what it finds."""
        with self._fleet.alone(name, wait, on_wait):
            while not self._fleet.is_free(_CLEANING):
                wait(1.0)
            yield


def forgotten(
    store: ListedStore,
    resources: Resources,
    recorded: Sequence[tuple[str, Result]],
    *,
    older_than_s: float,
    under_way: Collection[str],
    report: Report,
) -> list[Entry]:
    """`recorded`: (step id, result) of what attempts at experiments that are still known have done; `under_way`: names
    of steps that somebody is at, `step/<id>`.
    """
    report(Progress("looking for what experiments refer to"))
    unfinished = [each for each in known_ids(store) if not store.exists(f"experiments/{each}/report.html")]
    report(Progress("looking for what nothing refers to"))
    return unreferenced(
        store,
        Circumstances(
            now=time.time(),
            older_than_s=older_than_s,
            mentioned=(
                [list(each) for each in recorded],
                [name.partition("/")[2] for name in under_way],
                list(_taken_over_by(store, resources, unfinished, dict(recorded))),
            ),
            steps_under_way=bool(under_way),
            resumable=bool(unfinished),
        ),
    )


def _taken_over_by(
    store: ListedStore, resources: Resources, unfinished: Iterable[str], recorded: dict[str, Result]
) -> Iterable[str]:
    """Ids of the steps that experiments, once resumed, would find done."""
    for identity in unfinished:
        try:
            shop = workshop_of(read_specification(store, identity), resources, Cancellation())
            yield from (step.step_id for step in foresee(shop, recorded.get) if step.step_id)
        except DataCorruptionError as error:
            log.warning("%s", error)
        except SaggarError as error:  # e.g. files that are away for now: what it would take over is not known
            raise type(error)(f"the store is not cleaned while {identity} cannot be read: {error}") from error
