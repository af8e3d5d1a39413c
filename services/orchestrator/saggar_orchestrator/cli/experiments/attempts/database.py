"""Attempts by the workflow database of a home: no service has to run."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from saggar_orchestrator.cli.experiments.attempts.attempt import Attempt
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.store import ObjectStore

_RUNNING = {"PENDING", "ENQUEUED", "DELAYED"}


class DatabaseAttempts:
    """Reads the database of `home`, or the one that SAGGAR_DATABASE_URL names."""

    def __init__(self, home: Home, store: ObjectStore) -> None:
        self._home = home
        self._store = store

    def begun(self) -> Collection[str]:
        with self._client() as client:
            if client is None:
                return set()
            found = client.list_workflows(name="experiment", load_input=False, load_output=False)
            return {status.workflow_id.rpartition(".")[0] for status in found}

    def latest(self, ids: Sequence[str]) -> dict[str, Attempt]:
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

    def steps(self, identity: str, attempt: Attempt, titles: Sequence[str]) -> list[dict[str, Any]]:
        del identity
        steps: list[dict[str, Any]] = [{"title": title, "state": "waiting", "seconds": 0.0} for title in titles]
        with self._client() as client:
            if client is None or not attempt.workflow_id:
                return steps
            for taken in client.list_workflow_steps(attempt.workflow_id):
                output, position = taken["output"], taken["function_id"] - 1
                if taken["error"] is not None and position < len(steps):
                    steps[position] |= {"state": "failed", "error": str(taken["error"])}
                elif output:
                    state = "reused" if output["reused"] else "succeeded"
                    steps[output["position"]] |= {"state": state, "seconds": output["seconds"]}
        if attempt.state == "running":
            for step in steps:
                if step["state"] == "waiting":
                    step["state"] = "running"
                    break
        return steps

    def recorded_steps(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        with self._client() as client:
            if client is None:
                return found
            for status in client.list_workflows(name="experiment", load_input=False, load_output=False):
                for step in client.list_workflow_steps(status.workflow_id):
                    if isinstance(step["output"], dict) and "step_id" in step["output"]:
                        found[step["output"]["step_id"]] = step["output"]["result"]
        return found

    def delete(self, identity: str) -> None:
        from saggar_orchestrator.workflow.database.events import Events
        from saggar_orchestrator.workflow.stored import delete_experiment

        with self._client() as client:
            if client is not None:
                found = client.list_workflows(workflow_id_prefix=f"{identity}.", load_input=False, load_output=False)
                if ids := [status.workflow_id for status in found]:
                    client.delete_workflows(ids)
                events = Events(self._url)
                events.forget(identity)
                events.close()
        delete_experiment(self._store, identity)  # last: the database knows of nothing that the store lacks

    @property
    def _url(self) -> str:
        from saggar.errors import InvalidInputError

        from saggar_orchestrator.settings import check_database_url

        try:
            named = check_database_url(os.environ.get("SAGGAR_DATABASE_URL", ""))
        except ValueError as error:
            raise InvalidInputError(f"SAGGAR_DATABASE_URL: {error}") from None
        return named or f"sqlite:///{self._home.database.resolve()}"

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """A reader of the workflow database; None where there is none."""
        if not os.environ.get("SAGGAR_DATABASE_URL") and not self._home.database.exists():
            yield None
            return
        from dbos import DBOSClient

        from saggar_orchestrator.workflow.database.serializing import JsonSerializer, refuse_pickles

        refuse_pickles()
        logging.getLogger("dbos").setLevel(logging.ERROR)  # below: a line for each row of an earlier version
        client = DBOSClient(system_database_url=self._url, serializer=JsonSerializer())
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
