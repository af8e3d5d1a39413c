"""Experiments as durable workflows (DBOS): start, follow, cancel, continue after a crash.

The store knows which experiments there are (`experiments/<id>/specification.json`, and `results.json` once
one is done); the workflow database knows which of them run. Every attempt at an experiment is one workflow,
`<id>.<attempt>`: a new attempt finds the finished steps of the former ones in the store. An attempt that was
cut off by a crash is taken up by the next launch where it stood.
"""

from __future__ import annotations

import contextvars
import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import WorkflowStatus as DbosStatus
from saggar.errors import CancelledError, NotFoundError, SaggarError, UnavailableError, WrongStateError
from saggar.progress import Report
from saggar.store import ObjectRef

from saggar_orchestrator.cleaning import Cleaned
from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.experiment.places import check_files, check_roots
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.progress import Board, Cancellation, StepView
from saggar_orchestrator.workflow.attempts import (
    WORKFLOW,
    begun_experiments,
    experiment_of,
    fresh_of,
    latest_attempt,
    number_of,
    step_results,
    steps_of,
)
from saggar_orchestrator.workflow.database.events import AT_ONCE, Events
from saggar_orchestrator.workflow.database.fleet import LOOKS, Fleet
from saggar_orchestrator.workflow.database.open_reviews import OpenReviews
from saggar_orchestrator.workflow.database.opening import open_database
from saggar_orchestrator.workflow.database.serializing import JsonSerializer, refuse_pickles
from saggar_orchestrator.workflow.database.states import in_words, state_of
from saggar_orchestrator.workflow.fresh import NONE_FRESH, OF_THE_EXPERIMENT, Fresh, stages_named
from saggar_orchestrator.workflow.reuse import StepRecord
from saggar_orchestrator.workflow.run import Durably, Resources, Run, Specification, patiently
from saggar_orchestrator.workflow.stages.order import stages_of, titles_of
from saggar_orchestrator.workflow.stored import (
    ExperimentView,
    delete_experiment,
    is_known,
    keep_specification,
    known_ids,
    read_specification,
    set_aside,
    view_of,
)
from saggar_orchestrator.workflow.upkeep.closing import ReviewCloser
from saggar_orchestrator.workflow.upkeep.emptied import StoreLook
from saggar_orchestrator.workflow.upkeep.forgotten import Cleaning
from saggar_orchestrator.workflow.upkeep.warden import Live, Warden
from saggar_orchestrator.workflow.version import code_digest

# A workflow that another version began is not replayed by this one, which may take other steps in another order: it
# starts anew and finds its finished steps.
APPLICATION_VERSION = f"workflow-3.{code_digest(Path(__file__).parents[1])}"
_CANCEL_WAIT_S = 15.0
_LAST_EVENTS_S = 10.0
_WATCH_S = 0.3  # between looks at the events

log = logging.getLogger(__name__)


class Stopped(BaseException):
    """The process is being stopped. Not an Exception: DBOS must not take it for the outcome of a step."""


class Engine:
    """All experiments of one store and one workflow database. One per process: DBOS is global."""

    def __init__(
        self, resources: Resources, database_url: str, executor: str = "orchestrator", takeover_s: float = 60.0
    ) -> None:
        """`executor` is this orchestrator's name among those of the database, the same at its next start; another that
        gives no sign of life for `takeover_s` is dead.
        """
        self._resources = resources
        self.store = self._store = resources.store
        self._live: dict[str, Live] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._closing = False
        self._fleet = Fleet(database_url, executor, APPLICATION_VERSION)
        self._events = Events(database_url)
        self._reviews = OpenReviews(database_url)
        self._closer = ReviewCloser(self._reviews, resources.peers)
        self._cleaning = Cleaning(resources, self._fleet)
        self._look = StoreLook(resources.store, begun_experiments)
        self.readiness = self._look.readiness
        self._warden = Warden(self._fleet, takeover_s / (LOOKS + 1), self)
        logging.getLogger("dbos").propagate = False
        config: DBOSConfig = {
            "name": "saggar-orchestrator",
            "system_database_url": database_url,
            "application_version": APPLICATION_VERSION,
            "executor_id": executor,
            "log_level": "ERROR",  # below that: chatter, and an advertisement
            "enable_otlp": False,
            "serializer": JsonSerializer(),
        }
        refuse_pickles()
        DBOS(config=config)
        self._database = database_url

    def launch(self) -> None:
        """Opens the database and takes up what a crash interrupted."""
        global _engine  # noqa: PLW0603 workflows are found by name in a new process, so they find their engine here
        _engine = self
        open_database(self._database, self._fleet.join)
        self.look_at_store()
        self._warden.start()

    def close(self) -> None:
        """Breaks off running work without recording an outcome: the next launch continues it, or another
        orchestrator of the database.
        """
        self._closing = True
        self._warden.stop()
        live = self.running()
        for each in live:
            each.cancellation.cancel()
        for each in live:
            each.ended.wait(5.0)
        DBOS.destroy()
        self._fleet.leave()
        self._events.close()
        self._reviews.close()

    def start(self, text: str, source_name: str, base: Path, fresh: Sequence[str] = ()) -> tuple[ExperimentView, bool]:
        """Starts the experiment in `text`, or finds the one that equal inputs started; (view, whether it
        existed).

        `fresh` names steps that are done again whatever has done them; then it is started in any case, and what it
        found before is set aside.
        """
        specification = self.check(text, source_name, base)
        identity = specification.experiment_id
        named = stages_named(fresh, stages_of(specification.experiment))
        with self._starting:
            if is_known(self._store, identity):
                view = self.describe(identity)
                if named and view.state == "running":
                    raise WrongStateError(f"experiment {identity} runs; `saggar experiment cancel {identity}` first")
                if view.state != "interrupted" and not named:
                    return view, True
            else:
                keep_specification(self._store, specification)
            self._attempt(identity, tuple(stage.key for stage in named))
        return self.describe(identity), False

    def check(self, text: str, source_name: str, base: Path) -> Specification:
        """What `text` asks for; nothing is started. Raises what is wrong with it, by line and key."""
        experiment, taxonomy = parse_experiment(text, source_name, base, self._resources.roots)
        experiment = resolve_paths(experiment, base)
        check_roots(experiment, self._resources.roots)
        check_files(experiment, self._resources.peers.is_here)
        source = fingerprint(experiment, self._store)
        identity = experiment_id(experiment, taxonomy, source)
        return Specification(identity, experiment, taxonomy, source, text, _now())

    def resume(self, identity: str) -> ExperimentView:
        """Starts another attempt, unless one runs or all is done."""
        with self._starting:
            view = self.describe(identity)
            if view.state not in {"running", "succeeded"}:
                self._attempt(identity)
        return self.describe(identity)

    def cancel(self, identity: str) -> ExperimentView:
        """Stops the running attempt and waits for its step to let go."""
        view = self.describe(identity)
        if view.state != "running":
            raise WrongStateError(
                f"experiment {identity} does not run, it {in_words(view.state)}; there is nothing to cancel"
            )
        latest = latest_attempt(identity)
        self._fleet.need_writable()
        if latest is not None:
            DBOS.cancel_workflow(latest.workflow_id)
        with self._lock:
            live = self._live.get(identity)
        if live is not None:
            live.cancellation.cancel(by_somebody=True)
            live.ended.wait(_CANCEL_WAIT_S)
        deadline = time.monotonic() + _CANCEL_WAIT_S
        while not self._fleet.is_free(f"experiment/{identity}") and time.monotonic() < deadline:  # at another one
            time.sleep(0.2)
        self._closer.close(identity)  # where nobody runs it, as while its orchestrator is away
        return self.describe(identity)

    def describe(self, identity: str) -> ExperimentView:
        """NotFoundError when there is none; UnavailableError when its store was emptied."""
        latest = latest_attempt(identity)
        try:
            return self._view(identity, latest)
        except NotFoundError:
            self._look.need()
            raise

    def list(self) -> list[ExperimentView]:
        """All experiments, newest first; UnavailableError when their store was emptied."""
        self._look.need()
        latest: dict[str, DbosStatus] = {}
        for status in DBOS.list_workflows(name=WORKFLOW, load_input=False):  # oldest first
            latest[experiment_of(status.workflow_id)] = status
        views = [self._view(identity, latest.get(identity)) for identity in known_ids(self._store)]
        return sorted(views, key=lambda view: view.created_at, reverse=True)

    def delete(self, identity: str) -> None:
        """Takes an experiment out of the store and the database; WrongStateError for one that runs."""
        with self._starting:
            if self.describe(identity).state == "running":
                raise WrongStateError(f"experiment {identity} runs; `saggar experiment cancel {identity}` first")
            attempts = DBOS.list_workflows(
                name=WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=False, load_output=False
            )
            if ids := [status.workflow_id for status in attempts]:
                DBOS.delete_workflows(ids)
            self._events.forget(identity)
            delete_experiment(self._store, identity)  # last: the database knows of nothing that the store lacks
        self._closer.close(identity)

    def steps(self, identity: str) -> tuple[StepView, ...]:
        """Every step of the plan as it stands, or stood when the last attempt ended."""
        with self._lock:
            live = self._live.get(identity)
        if live is not None:
            return live.board.snapshot()
        titles = titles_of(read_specification(self._store, identity).experiment)
        return steps_of(titles, latest_attempt(identity))

    def events(self, identity: str, after: int = 0) -> tuple[int, Sequence[StepView]]:
        """As `Events.read`: what happened in an experiment, at whichever orchestrator."""
        return self._events.read(identity, after)

    def watch(self, identity: str, stopped: Callable[[], bool]) -> Iterator[Sequence[StepView] | ExperimentView]:
        """What has happened so far, then what happens, at whichever orchestrator; at last the experiment.

        Steps come as changes that are known together: thousands of them, where they lie in the past.
        """
        number, events = self._events.read(identity)
        if not events and self.describe(identity).state != "running":  # of an earlier version
            yield self.steps(identity)
        else:
            titles = titles_of(read_specification(self._store, identity).experiment)
            yield [StepView(position, title) for position, title in enumerate(titles)]
        while not (stopped() or self._closing):
            yield events
            if len(events) == AT_ONCE:  # there are more, most likely
                number, events = self._events.read(identity, number)
                continue
            view = self.describe(identity)  # before its events are read: none are written after its end
            number, events = self._events.read(identity, number)
            if not events and view.state != "running":
                yield view
                return
            if not events:
                time.sleep(_WATCH_S)

    def perform(self, identity: str, fresh: Fresh) -> dict[str, Any]:
        """The workflow's body: runs to an outcome, which is a value and not an exception."""
        cancellation, patience_s = Cancellation(self._warden.hold), self._resources.peers.patience_s
        specification = patiently(partial(self._specification, identity), patience_s, cancellation.wait)
        stages = stages_of(specification.experiment)
        board = Board(tuple(stage.title for stage in stages))
        live = Live(str(DBOS.workflow_id), board, cancellation, threading.Event())
        with self._lock:
            self._live[identity] = live
        keeping = self._events.keep(identity, board)
        try:
            with self._fleet.alone(f"experiment/{identity}", live.cancellation.wait):
                run = Run(
                    specification,
                    self._resources,
                    board=live.board,
                    cancellation=live.cancellation,
                    reserve=partial(self._reserve, live),
                    alone=self._cleaning.undisturbed,
                    fresh=fresh,
                    reviews=self._reviews.of(identity),
                )
                found = run.take(stages)
                if self._resources.tracker is not None:
                    self._resources.tracker.track(self._store, ObjectRef.from_json(found["results"]["results"]))
            return {"state": "succeeded", "results": found["results"]["results"], "report": found["report"]["report"]}
        except CancelledError as error:
            self._stop_if_closing(live)
            self._closer.close(identity)
            return {"state": "cancelled", "error": str(error)}
        except SaggarError as error:
            self._stop_if_closing(live)
            log.warning("experiment %s failed: %s", identity, error)
            return {"state": "failed", "error": str(error), "error_kind": type(error).__name__}
        except Exception as error:
            self._stop_if_closing(live)
            log.exception("experiment %s failed", identity)
            return {
                "state": "failed",
                "error": f"{type(error).__name__}: {error}",
                "error_kind": "InternalError",
            }
        finally:
            live.board.close()
            keeping.join(_LAST_EVENTS_S)  # before the attempt's end is known
            with self._lock:
                self._live.pop(identity, None)
            live.ended.set()

    def _specification(self, identity: str) -> Specification:
        """Of an experiment that was begun; where it is not there, the store is away."""
        try:
            return read_specification(self._store, identity)
        except NotFoundError as error:
            raise UnavailableError(self._look.look() or str(error)) from error

    def look_at_store(self) -> None:
        """Tells by `readiness` whether it was emptied."""
        self._look.look()

    def running(self) -> tuple[Live, ...]:
        """The attempts of this process."""
        with self._lock:
            return tuple(self._live.values())

    def begin(self, identity: str, number: int, fresh: Fresh) -> None:
        """Another attempt; where it was begun before, it is that one."""
        with SetWorkflowID(f"{identity}.{number}"):
            DBOS.start_workflow(experiment_workflow, identity, fresh.to_json())

    def close_cancelled_reviews(self) -> None:
        """Of experiments that were cancelled, or deleted, when nobody ran them, or while qc was away."""
        self._closer.close_all(self._is_over)

    def _is_over(self, identity: str) -> bool:
        try:
            over = self.describe(identity).state == "cancelled"
        except NotFoundError:  # deleted; of a store that was emptied nothing is said
            over = True
        return over and self._fleet.is_free(f"experiment/{identity}")

    def clean(self, older_than_s: float, *, delete: bool, sleep: Callable[[float], None], report: Report) -> Cleaned:
        """Finds what nothing refers to, and deletes it if asked to; as `Cleaning.clean`."""
        recorded = tuple(step_results())
        return self._cleaning.clean(recorded, older_than_s, delete=delete, sleep=sleep, report=report)

    def _reserve(self, live: Live) -> Durably:
        """Draws the next of the workflow's step numbers; from whichever thread it is used, a replay finds it by it."""
        step, context = DBOS.reserve_step(), contextvars.copy_context()

        def durably(name: str, work: Callable[[], StepRecord]) -> StepRecord:
            def perform() -> StepRecord:
                try:
                    return work()
                except Exception:
                    self._stop_if_closing(live)
                    raise

            return context.run(lambda: step.run({"name": name}, perform))

        return durably

    def _stop_if_closing(self, live: Live) -> None:
        if self._closing or live.is_lost:
            raise Stopped

    def _attempt(self, identity: str, anew: tuple[str, ...] = ()) -> None:
        """Begins the next attempt. `anew`: stages to be done again, beside what is left of an earlier wish for such."""
        self._fleet.need_writable()
        latest = latest_attempt(identity, load_input=True)
        number = 1 if latest is None else number_of(latest.workflow_id) + 1
        fresh = NONE_FRESH if latest is None else fresh_of(latest)
        if anew:
            set_aside(self._store, identity, number)
            fresh = Fresh((*anew, *OF_THE_EXPERIMENT), f"{identity}.{number}")
        self.begin(identity, number, fresh)

    def _view(self, identity: str, latest: DbosStatus | None) -> ExperimentView:
        return view_of(self._store, identity, *state_of(latest))


@DBOS.workflow(name=WORKFLOW)
def experiment_workflow(identity: str, fresh: dict[str, Any] | None = None) -> dict[str, Any]:
    """One attempt at an experiment; `fresh` as `Fresh.to_json` gave it."""
    if _engine is None:
        raise RuntimeError("no engine was launched in this process")
    return _engine.perform(identity, Fresh.from_json(fresh))


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_engine: Engine | None = None
