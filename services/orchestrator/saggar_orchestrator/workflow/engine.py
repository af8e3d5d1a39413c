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
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import WorkflowStatus as DbosStatus
from saggar.errors import CancelledError, SaggarError, WrongStateError

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.experiment.places import check_files, check_roots
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.progress import Board, Cancellation, StepView
from saggar_orchestrator.workflow.database.events import Events
from saggar_orchestrator.workflow.database.fleet import LOOKS, Fleet
from saggar_orchestrator.workflow.database.opening import open_database
from saggar_orchestrator.workflow.database.serializing import JsonSerializer, refuse_pickles
from saggar_orchestrator.workflow.database.states import state_of
from saggar_orchestrator.workflow.order import stages_of
from saggar_orchestrator.workflow.reuse import CODE_VERSIONS, StepRecord
from saggar_orchestrator.workflow.run import Durably, Resources, Run, Specification
from saggar_orchestrator.workflow.stored import (
    ExperimentView,
    delete_experiment,
    is_known,
    keep_specification,
    known_ids,
    read_specification,
    view_of,
)
from saggar_orchestrator.workflow.warden import WORKFLOW, Live, Warden

# A workflow that an older version began is not replayed by this one: it starts anew and finds its finished
# steps.
APPLICATION_VERSION = "workflow-2." + digest(CODE_VERSIONS)[:8]
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
        self._store = resources.store
        self._live: dict[str, Live] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._closing = False
        self._fleet = Fleet(database_url, executor, APPLICATION_VERSION)
        self._events = Events(database_url)
        self._warden = Warden(self._fleet, takeover_s / (LOOKS + 1), self._running, self._begin)
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
        self._warden.start()

    def close(self) -> None:
        """Breaks off running work without recording an outcome: the next launch continues it, or another
        orchestrator of the database.
        """
        self._closing = True
        self._warden.stop()
        live = self._running()
        for each in live:
            each.cancellation.cancel()
        for each in live:
            each.ended.wait(5.0)
        DBOS.destroy()
        self._fleet.leave()
        self._events.close()

    def start(self, text: str, source_name: str, base: Path) -> tuple[ExperimentView, bool]:
        """Starts the experiment in `text`, or finds the one that equal inputs started; (view, whether it
        existed).
        """
        experiment, taxonomy = parse_experiment(text, source_name, base, self._resources.roots)
        experiment = resolve_paths(experiment, base)
        check_roots(experiment, self._resources.roots)
        check_files(experiment, self._resources.peers.is_here)
        source = fingerprint(experiment, self._store)
        identity = experiment_id(experiment, taxonomy, source)
        with self._starting:
            if is_known(self._store, identity):
                view = self.describe(identity)
                if view.state != "interrupted":
                    return view, True
            else:
                keep_specification(self._store, Specification(identity, experiment, taxonomy, source, text, _now()))
            self._attempt(identity)
        return self.describe(identity), False

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
                f"experiment {identity} does not run, it {_in_words(view.state)}; there is nothing to cancel"
            )
        latest = self._latest(identity)
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
        return self.describe(identity)

    def describe(self, identity: str) -> ExperimentView:
        """NotFoundError when there is none."""
        return self._view(identity, self._latest(identity))

    def list(self) -> list[ExperimentView]:
        """All experiments, newest first."""
        latest: dict[str, DbosStatus] = {}
        for status in DBOS.list_workflows(name=WORKFLOW, load_input=False):  # oldest first
            latest[_experiment_of(status.workflow_id)] = status
        views = [self._view(identity, latest.get(identity)) for identity in known_ids(self._store)]
        return sorted(views, key=lambda view: view.created_at, reverse=True)

    def delete(self, identity: str) -> None:
        """Takes an experiment out of the store and the database; WrongStateError for one that runs."""
        with self._starting:
            if self.describe(identity).state == "running":
                raise WrongStateError(f"experiment {identity} runs; `saggar experiment cancel {identity}` first")
            delete_experiment(self._store, identity)
            attempts = DBOS.list_workflows(
                name=WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=False, load_output=False
            )
            if ids := [status.workflow_id for status in attempts]:
                DBOS.delete_workflows(ids)
            self._events.forget(identity)

    def step_results(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(step id, result) of every step that any attempt has recorded."""
        for status in DBOS.list_workflows(name=WORKFLOW, load_input=False, load_output=False):
            for step in DBOS.list_workflow_steps(status.workflow_id):
                output = step["output"]
                if isinstance(output, dict) and "step_id" in output:
                    yield output["step_id"], output["result"]

    def steps(self, identity: str) -> tuple[StepView, ...]:
        """Every step of the plan as it stands, or stood when the last attempt ended."""
        with self._lock:
            live = self._live.get(identity)
        if live is not None:
            return live.board.snapshot()
        titles = titles_of(read_specification(self._store, identity).experiment)
        views = {position: StepView(position, title) for position, title in enumerate(titles)}
        latest = self._latest(identity)
        for step in DBOS.list_workflow_steps(latest.workflow_id) if latest else []:
            record = step["output"]
            if step["error"] is not None:
                position = step["function_id"] - 1
                views[position] = StepView(position, titles[position], state="failed", error=str(step["error"]))
            elif record:
                position = record["position"]
                state = "reused" if record["reused"] else "succeeded"
                views[position] = StepView(
                    position, record["title"], record["step_id"], state, seconds=record["seconds"]
                )
        return tuple(views[position] for position in sorted(views))

    def watch(self, identity: str, stopped: Callable[[], bool]) -> Iterator[StepView | ExperimentView]:
        """What has happened so far, then what happens, at whichever orchestrator; at last the experiment."""
        number, events = self._events.read(identity)
        if not events and self.describe(identity).state != "running":  # of an earlier version
            yield from self.steps(identity)
        else:
            titles = titles_of(read_specification(self._store, identity).experiment)
            yield from (StepView(position, title) for position, title in enumerate(titles))
        while not (stopped() or self._closing):
            yield from events
            view = self.describe(identity)  # before its events are read: none are written after its end
            number, events = self._events.read(identity, number)
            if not events and view.state != "running":
                yield view
                return
            if not events:
                time.sleep(_WATCH_S)

    def perform(self, identity: str) -> dict[str, Any]:
        """The workflow's body: runs to an outcome, which is a value and not an exception."""
        specification = read_specification(self._store, identity)
        stages = stages_of(specification.experiment)
        board = Board(tuple(stage.title for stage in stages))
        live = Live(str(DBOS.workflow_id), board, Cancellation(), threading.Event())
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
                    alone=self._fleet.alone,
                )
                found = run.take(stages)
            return {"state": "succeeded", "results": found["results"]["results"], "report": found["report"]["report"]}
        except CancelledError as error:
            self._stop_if_closing(live)
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

    def _attempt(self, identity: str) -> None:
        latest = self._latest(identity)
        self._begin(identity, 1 if latest is None else int(latest.workflow_id.rpartition(".")[2]) + 1)

    def _begin(self, identity: str, number: int) -> None:
        with SetWorkflowID(f"{identity}.{number}"):
            DBOS.start_workflow(experiment_workflow, identity)

    def _running(self) -> tuple[Live, ...]:
        with self._lock:
            return tuple(self._live.values())

    def _latest(self, identity: str) -> DbosStatus | None:
        """The newest attempt."""
        found = DBOS.list_workflows(name=WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=False)
        return max(found, key=lambda s: int(s.workflow_id.rpartition(".")[2]), default=None)

    def _view(self, identity: str, latest: DbosStatus | None) -> ExperimentView:
        return view_of(self._store, identity, *state_of(latest))


@DBOS.workflow(name=WORKFLOW)
def experiment_workflow(identity: str) -> dict[str, Any]:
    """One attempt at an experiment."""
    if _engine is None:
        raise RuntimeError("no engine was launched in this process")
    return _engine.perform(identity)


def titles_of(experiment: Experiment) -> tuple[str, ...]:
    """What people read of every step of an experiment, in order."""
    return tuple(stage.title for stage in stages_of(experiment))


def _in_words(state: str) -> str:
    return {"succeeded": "has succeeded", "failed": "has failed", "cancelled": "was cancelled"}.get(
        state, "was interrupted"
    )


def _experiment_of(workflow_id: str) -> str:
    return workflow_id.rpartition(".")[0]


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_engine: Engine | None = None
