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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import WorkflowStatus as DbosStatus
from saggar.errors import CancelledError, DataCorruptionError, SaggarError, UnavailableError, WrongStateError

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.experiment.places import check_files, check_roots
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.progress import Board, Cancellation, StepView
from saggar_orchestrator.workflow.order import stages_of
from saggar_orchestrator.workflow.reuse import CODE_VERSIONS, StepRecord
from saggar_orchestrator.workflow.run import Durably, Resources, Run, Specification
from saggar_orchestrator.workflow.serializing import JsonSerializer, refuse_pickles
from saggar_orchestrator.workflow.stored import (
    ExperimentView,
    delete_experiment,
    is_known,
    keep_specification,
    known_ids,
    read_specification,
    view_of,
)

# A workflow that an older version began is not replayed by this one: it starts anew and finds its finished
# steps.
APPLICATION_VERSION = "workflow-2." + digest(CODE_VERSIONS)[:8]
_WORKFLOW = "experiment"
_CANCEL_WAIT_S = 15.0

log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


class Stopped(BaseException):
    """The process is being stopped. Not an Exception: DBOS must not take it for the outcome of a step."""


@dataclass
class _Live:
    board: Board
    cancellation: Cancellation
    ended: threading.Event


class Engine:
    """All experiments of one store and one workflow database. One per process: DBOS is global."""

    def __init__(self, resources: Resources, database_url: str) -> None:
        self._resources = resources
        self._store = resources.store
        self._live: dict[str, _Live] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._closing = False
        logging.getLogger("dbos").propagate = False
        config: DBOSConfig = {
            "name": "saggar-orchestrator",
            "system_database_url": database_url,
            "application_version": APPLICATION_VERSION,
            "executor_id": "orchestrator",
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
        _open_database(self._database)
        for status in DBOS.list_workflows(name=_WORKFLOW, status=["PENDING", "ENQUEUED"], load_output=False):
            if status.app_version != APPLICATION_VERSION:
                DBOS.cancel_workflow(status.workflow_id)
                self._attempt(_experiment_of(status.workflow_id))

    def close(self) -> None:
        """Breaks off running work without recording an outcome: the next launch continues it."""
        self._closing = True
        with self._lock:
            live = tuple(self._live.values())
        for each in live:
            each.cancellation.cancel()
        for each in live:
            each.ended.wait(5.0)
        DBOS.destroy()

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
        return self.describe(identity)

    def describe(self, identity: str) -> ExperimentView:
        """NotFoundError when there is none."""
        return self._view(identity, self._latest(identity))

    def list(self) -> list[ExperimentView]:
        """All experiments, newest first."""
        latest: dict[str, DbosStatus] = {}
        for status in DBOS.list_workflows(name=_WORKFLOW, load_input=False):  # oldest first
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
                name=_WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=False, load_output=False
            )
            if ids := [status.workflow_id for status in attempts]:
                DBOS.delete_workflows(ids)

    def step_results(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(step id, result) of every step that any attempt has recorded."""
        for status in DBOS.list_workflows(name=_WORKFLOW, load_input=False, load_output=False):
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
        """Every step as it is, then as it changes; at last the experiment. Waits for a queued attempt to
        begin.
        """
        told = False
        while not (stopped() or self._closing):
            with self._lock:
                live = self._live.get(identity)
            view = self.describe(identity)
            if live is not None:
                yield from self._changes(live.board, stopped)
                told = True
                live.ended.wait(5.0)
                self._settle(identity)
            elif view.state != "running":
                if not told:
                    yield from self.steps(identity)
                yield view
                return
            else:
                time.sleep(0.2)

    def perform(self, identity: str) -> dict[str, Any]:
        """The workflow's body: runs to an outcome, which is a value and not an exception."""
        specification = read_specification(self._store, identity)
        stages = stages_of(specification.experiment)
        live = _Live(Board(tuple(stage.title for stage in stages)), Cancellation(), threading.Event())
        with self._lock:
            self._live[identity] = live
        try:
            run = Run(
                specification,
                self._resources,
                board=live.board,
                cancellation=live.cancellation,
                reserve=self._reserve,
            )
            found = run.take(stages)
            return {"state": "succeeded", "results": found["results"]["results"], "report": found["report"]["report"]}
        except CancelledError as error:
            self._stop_if_closing()
            return {"state": "cancelled", "error": str(error)}
        except SaggarError as error:
            self._stop_if_closing()
            log.warning("experiment %s failed: %s", identity, error)
            return {"state": "failed", "error": str(error), "error_kind": type(error).__name__}
        except Exception as error:
            self._stop_if_closing()
            log.exception("experiment %s failed", identity)
            return {
                "state": "failed",
                "error": f"{type(error).__name__}: {error}",
                "error_kind": "InternalError",
            }
        finally:
            live.board.close()
            with self._lock:
                self._live.pop(identity, None)
            live.ended.set()

    def _reserve(self) -> Durably:
        """Draws the next of the workflow's step numbers; from whichever thread it is used, a replay finds it by it."""
        step, context = DBOS.reserve_step(), contextvars.copy_context()

        def durably(name: str, work: Callable[[], StepRecord]) -> StepRecord:
            def perform() -> StepRecord:
                try:
                    return work()
                except Exception:
                    self._stop_if_closing()
                    raise

            return context.run(lambda: step.run({"name": name}, perform))

        return durably

    def _stop_if_closing(self) -> None:
        if self._closing:
            raise Stopped

    def _attempt(self, identity: str) -> None:
        latest = self._latest(identity)
        number = 1 if latest is None else int(latest.workflow_id.rpartition(".")[2]) + 1
        with SetWorkflowID(f"{identity}.{number}"):
            DBOS.start_workflow(experiment_workflow, identity)

    def _latest(self, identity: str) -> DbosStatus | None:
        """The newest attempt."""
        found = DBOS.list_workflows(name=_WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=False)
        return max(found, key=lambda s: int(s.workflow_id.rpartition(".")[2]), default=None)

    def _view(self, identity: str, latest: DbosStatus | None) -> ExperimentView:
        return view_of(self._store, identity, *_state(latest))

    def _changes(self, board: Board, stopped: Callable[[], bool]) -> Iterator[StepView]:
        version, over = -1, False
        while not over and not stopped() and not self._closing:
            version, changed, over = board.changes(version, timeout_s=1.0)
            yield from changed

    def _settle(self, identity: str, timeout_s: float = 10.0) -> None:
        """The database learns of an attempt's end a moment after the board."""
        deadline = time.monotonic() + timeout_s
        while self.describe(identity).state == "running" and time.monotonic() < deadline and not self._closing:
            time.sleep(0.05)


@DBOS.workflow(name=_WORKFLOW)
def experiment_workflow(identity: str) -> dict[str, Any]:
    """One attempt at an experiment."""
    if _engine is None:
        raise RuntimeError("no engine was launched in this process")
    return _engine.perform(identity)


def _open_database(url: str) -> None:
    """Launches DBOS. Raises DataCorruptionError or UnavailableError, which name the database and what to do."""
    import sqlalchemy.exc

    name = url.removeprefix("sqlite:///") if url.startswith("sqlite:") else "the workflow database"
    try:
        DBOS.launch()
    except sqlalchemy.exc.OperationalError as error:
        raise UnavailableError(
            f"{name} cannot be opened ({error.orig}): see that it is there, that this user may "
            "write to it and its folder, and that the disk has room"
        ) from error
    except sqlalchemy.exc.DatabaseError as error:
        raise DataCorruptionError(
            f"{name} is no workflow database any more ({error.orig}); move it away and start again: experiments and "
            "their finished steps are in the store, and `saggar experiment resume` finds them"
        ) from error


def titles_of(experiment: Experiment) -> tuple[str, ...]:
    """What people read of every step of an experiment, in order."""
    return tuple(stage.title for stage in stages_of(experiment))


def _state(latest: DbosStatus | None) -> tuple[str, dict[str, Any]]:
    if latest is None:
        return "interrupted", {"error": "it was never begun, or its workflow database is gone; resume it"}
    if latest.status in {"PENDING", "ENQUEUED", "DELAYED"}:
        return "running", {}
    if latest.status == "SUCCESS":
        outcome: dict[str, Any] = latest.output if isinstance(latest.output, dict) else {}
        if not outcome:  # of an earlier version, whose rows are not read
            return "interrupted", {"error": "its outcome is of an earlier version, or damaged; resume it"}
        return str(outcome.get("state", "succeeded")), outcome
    if latest.status == "CANCELLED":
        return "cancelled", {"error": "cancelled on request", "error_kind": "CancelledError"}
    return "failed", {
        "error": f"the workflow stopped: {latest.error or latest.status}",
        "error_kind": "InternalError",
    }


def _in_words(state: str) -> str:
    return {"succeeded": "has succeeded", "failed": "has failed", "cancelled": "was cancelled"}.get(
        state, "was interrupted"
    )


def _experiment_of(workflow_id: str) -> str:
    return workflow_id.rpartition(".")[0]


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_engine: Engine | None = None
