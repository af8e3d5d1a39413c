"""The experiments of a home, read from its store and its workflow database: no service has to run."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saggar_orchestrator.cli.terminal.identities import chosen, ids_in
from saggar_orchestrator.cli.terminal.output import open_home_store
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.store import ObjectStore

    from saggar_orchestrator.experiment.schema import Experiment

_RUNNING = {"PENDING", "ENQUEUED", "DELAYED"}
_NOT_BEGUN = "it was never begun, or its workflow database is gone; `saggar experiment resume` begins it"


@dataclass(frozen=True)
class Attempt:
    """The latest attempt at an experiment. state: running, interrupted, succeeded, failed or cancelled."""

    state: str
    error: str = ""
    error_kind: str = ""
    workflow_id: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """An experiment: what was asked for, how it stands, and what it found."""

    experiment_id: str
    specification: dict[str, Any]
    attempt: Attempt
    results: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        experiment = self.specification["experiment"]
        return str(experiment.get("title") or experiment["name"])

    @property
    def created_at(self) -> str:
        return str(self.specification["created_at"])

    @property
    def size(self) -> str:
        """E.g. `1,500 photographs, 3 arms x 5 seeds`."""
        experiment = self.specification["experiment"]
        arms, seeds = len(experiment["arms"]), len(experiment["seeds"])
        trained = f"{arms} arm{'' if arms == 1 else 's'} x {seeds} seed{'' if seeds == 1 else 's'}"
        if self.results is None:
            return trained
        return f"{self.results['data']['images']:,} photographs, {trained}"

    @property
    def seconds(self) -> float:
        """Of its steps' work; of the last attempt where it has not finished."""
        if self.results is None:
            return self.attempt.seconds
        return float(sum(step["seconds"] for step in self.results["steps"] if not step["reused"]))

    def headline(self) -> str:
        """What it found, in a few words; why it failed, where it did."""
        if self.results is not None:
            from saggar_orchestrator.findings.wording import in_short

            return in_short(self.results)
        return self.attempt.error.partition("\n")[0]


class Archive:
    """All experiments of a home."""

    def __init__(self, home: Home) -> None:
        self.store: ObjectStore = open_home_store(home)
        self._home = home
        keys = list(self.store.list("experiments/"))
        self.ids = ids_in(keys, "specification.json")
        self._finished = set(ids_in(keys, "report.html"))

    def find(self, beginning: str) -> str:
        """The one experiment whose id begins so. Raises NotFoundError naming what there is."""
        return chosen(self.ids, beginning, "experiment", "`saggar experiment list` shows all")

    def is_finished(self, identity: str) -> bool:
        return identity in self._finished

    def records(self) -> list[Record]:
        """Newest first."""
        unfinished = [identity for identity in self.ids if identity not in self._finished]
        attempts = self._attempts(unfinished) if unfinished else {}
        found = [self._record(identity, attempts.get(identity)) for identity in self.ids]
        return sorted(found, key=lambda record: record.created_at, reverse=True)

    def record(self, identity: str) -> Record:
        """The experiment of this whole id."""
        attempts = {} if identity in self._finished else self._attempts([identity])
        return self._record(identity, attempts.get(identity))

    def steps(self, record: Record) -> list[dict[str, Any]]:
        """title, state and seconds of every step of the plan."""
        if record.results is not None:
            return [
                {"title": s["title"], "state": "reused" if s["reused"] else "succeeded", "seconds": s["seconds"]}
                for s in record.results["steps"]
            ]
        titles = _step_titles(record)
        steps = [{"title": title, "state": "waiting", "seconds": 0.0} for title in titles]
        with self._client() as client:
            if client is None or not record.attempt.workflow_id:
                return steps
            for taken in client.list_workflow_steps(record.attempt.workflow_id):
                output, position = taken["output"], taken["function_id"] - 1
                if taken["error"] is not None and position < len(steps):
                    steps[position] |= {"state": "failed", "error": str(taken["error"])}
                elif output:
                    state = "reused" if output["reused"] else "succeeded"
                    steps[output["position"]] |= {"state": state, "seconds": output["seconds"]}
        if record.attempt.state == "running":
            for step in steps:
                if step["state"] == "waiting":
                    step["state"] = "running"
                    break
        return steps

    @property
    def folder(self) -> Path:
        """Where what is made will lie, or the nearest folder above it that is there."""
        place = self._home.root.resolve()
        while not place.exists():
            place = place.parent
        return place

    def recorded_steps(self) -> dict[str, dict[str, Any]]:
        """The results of all steps in the workflow database, by the steps' ids."""
        found: dict[str, dict[str, Any]] = {}
        with self._client() as client:
            if client is None:
                return found
            for status in client.list_workflows(name="experiment", load_input=False, load_output=False):
                for step in client.list_workflow_steps(status.workflow_id):
                    if isinstance(step["output"], dict) and "step_id" in step["output"]:
                        found[step["output"]["step_id"]] = step["output"]["result"]
        return found

    def photographs_of(self, experiment: Experiment) -> int:
        """How many photographs an experiment's data have, without reading them; labels' rows of a CSV."""
        data = experiment.data
        if data.kilnsim is not None:
            return data.kilnsim.count
        if data.dataset is not None:
            from saggar.stored_datasets import manifest_key, read_manifest

            return len(read_manifest(self.store, self.store.stat(manifest_key(data.dataset))))
        return max(0, Path(data.labels or "").read_bytes().count(b"\n") - 1)

    def forget(self, identity: str) -> None:
        """Takes all attempts at the experiment out of the workflow database."""
        with self._client() as client:
            if client is None:
                return
            found = client.list_workflows(workflow_id_prefix=f"{identity}.", load_input=False, load_output=False)
            if ids := [status.workflow_id for status in found]:
                client.delete_workflows(ids)

    def _record(self, identity: str, attempt: Attempt | None) -> Record:
        specification = _read_json(self.store, f"experiments/{identity}/specification.json")
        if identity in self._finished:
            results = _read_json(self.store, f"experiments/{identity}/results.json")
            return Record(identity, specification, Attempt("succeeded"), results)
        return Record(identity, specification, attempt or Attempt("interrupted", _NOT_BEGUN))

    def _attempts(self, ids: list[str]) -> dict[str, Attempt]:
        """The latest attempt at each of `ids` that has one."""
        latest: dict[str, tuple[int, Any]] = {}
        with self._client() as client:
            if client is None:
                return {}
            for status in client.list_workflows(workflow_id_prefix=[f"{each}." for each in ids], load_input=False):
                identity, _, number = status.workflow_id.rpartition(".")
                if number.isdigit() and int(number) >= latest.get(identity, (0, None))[0]:
                    latest[identity] = (int(number), status)
        services_run = self._home.running() is not None
        return {identity: _attempt(status, services_run=services_run) for identity, (_, status) in latest.items()}

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """A reader of the workflow database; None where there is none."""
        url = os.environ.get("SAGGAR_DATABASE_URL", "")
        if not url and not self._home.database.exists():
            yield None
            return
        from dbos import DBOSClient

        from saggar_orchestrator.workflow.serializing import JsonSerializer, refuse_pickles

        refuse_pickles()
        logging.getLogger("dbos").setLevel(logging.ERROR)  # below: a line for each row of an earlier version
        database = url or f"sqlite:///{self._home.database.resolve()}"
        client = DBOSClient(system_database_url=database, serializer=JsonSerializer())
        try:
            yield client
        finally:
            client.destroy()


def _attempt(status: Any, *, services_run: bool) -> Attempt:
    seconds = max(0.0, ((status.updated_at or 0) - (status.created_at or 0)) / 1000)
    if status.status in _RUNNING:
        if services_run:
            return Attempt("running", workflow_id=status.workflow_id, seconds=seconds)
        error = "its services were stopped; it goes on when they start again"
        return Attempt("interrupted", error, workflow_id=status.workflow_id, seconds=seconds)
    if status.status == "CANCELLED":
        return Attempt("cancelled", "cancelled on request", "CancelledError", status.workflow_id, seconds)
    if status.status != "SUCCESS":
        error = f"the workflow stopped: {status.error or status.status}"
        return Attempt("failed", error, "InternalError", status.workflow_id, seconds)
    if not isinstance(status.output, dict):
        error = "its outcome is of an earlier version, or damaged; `saggar experiment resume` goes on"
        return Attempt("interrupted", error, workflow_id=status.workflow_id, seconds=seconds)
    outcome = status.output
    state, error = str(outcome.get("state", "succeeded")), str(outcome.get("error", ""))
    return Attempt(state, error, str(outcome.get("error_kind", "")), status.workflow_id, seconds)


def _step_titles(record: Record) -> tuple[str, ...]:
    from saggar_orchestrator.experiment.schema import Experiment
    from saggar_orchestrator.workflow.order import stages_of

    return tuple(stage.title for stage in stages_of(Experiment.model_validate(record.specification["experiment"])))


def _read_json(store: ObjectStore, key: str) -> dict[str, Any]:
    from saggar.errors import DataCorruptionError

    try:
        found: dict[str, Any] = json.loads(store.get(key))
    except ValueError as error:
        raise DataCorruptionError(f"{key}: not the JSON that Saggar wrote ({error}); restore it from a copy") from None
    return found
