"""Experiments as the store knows them: what was accepted, and what came of it. No running service is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from saggar.errors import AlreadyExistsError, DataCorruptionError, NotFoundError
from saggar.store import ObjectRef, ObjectStore, media_type_of
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.results_file import read_results
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.findings.wording import in_short
from saggar_orchestrator.workflow.run import Specification


@dataclass(frozen=True)
class ExperimentView:
    """How an experiment stands. state: running, succeeded, failed, interrupted or cancelled.

    photographs, seconds and headline are known once it is done.
    """

    experiment_id: str
    name: str
    state: str
    created_at: str
    error: str = ""
    error_kind: str = ""
    results: ObjectRef | None = None
    report: ObjectRef | None = None
    title: str = ""
    photographs: int = 0
    seconds: float = 0.0
    headline: str = ""


def keep_specification(store: ObjectStore, specification: Specification) -> None:
    """Writes what was accepted; equal inputs write the same, and the first is kept."""
    record = {
        "experiment": specification.experiment.model_dump(mode="json"),
        "taxonomy": specification.taxonomy.model_dump(mode="json", by_alias=True),
        "source": specification.source,
        "text": specification.text,
        "created_at": specification.created_at,
    }
    data = json.dumps(record, ensure_ascii=False, indent=1).encode()
    try:
        store.put(_specification_key(specification.experiment_id), data, "application/json")
    except AlreadyExistsError:  # another service of the same store was first
        return


def delete_experiment(store: ObjectStore, identity: str) -> None:
    """Its record, results and report. What its steps made stays: other experiments may share it."""
    # The specification goes last: whatever breaks this off, the experiment is still in the list and can be deleted.
    for key in sorted(store.list(f"experiments/{identity}/"), key=lambda key: key.endswith("/specification.json")):
        store.delete(key)


def set_aside(store: ObjectStore, identity: str, attempt: int) -> None:
    """Moves what the experiment has found to `experiments/<id>/earlier/<attempt>/`, for `attempt` to find it anew."""
    prefix = f"experiments/{identity}"
    for name in ("results.json", "report.html"):
        if store.exists(key := f"{prefix}/{name}"):
            data = store.get(key)
            store.put(f"{prefix}/earlier/{attempt}/{name}", data, media_type_of(name))
    for name in ("report.html", "results.json"):  # a report says that it is done
        store.delete(f"{prefix}/{name}")


def is_known(store: ObjectStore, identity: str) -> bool:
    return store.exists(_specification_key(identity))


def known_ids(store: ObjectStore) -> list[str]:
    """Of all experiments of the store."""
    return [key.split("/")[1] for key in store.list("experiments/") if key.endswith("/specification.json")]


def finished_experiments(store: ObjectStore) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(settings, results) of all experiments that have a report."""
    for key in store.list("experiments/"):
        if key.endswith("/report.html"):
            folder = key.rpartition("/")[0]
            record = json.loads(store.get(f"{folder}/specification.json"))
            yield record["experiment"], read_results(store, folder.rpartition("/")[2])


def read_specification(store: ObjectStore, identity: str) -> Specification:
    """NotFoundError when there is no such experiment; DataCorruptionError when its file cannot be read."""
    key = _specification_key(identity)
    if not store.exists(key):
        known = ", ".join(known_ids(store)) or "none"
        raise NotFoundError(
            f"no experiment '{identity}'; there are: {known}; `saggar experiment list` shows them", identity
        )
    try:
        record = json.loads(store.get(key))
        return Specification(
            experiment_id=identity,
            experiment=Experiment.model_validate(record["experiment"]),
            taxonomy=Taxonomy.model_validate(record["taxonomy"]),
            source=record["source"],
            text=record["text"],
            created_at=record["created_at"],
        )
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise DataCorruptionError(
            f"{key} of the store cannot be read ({first}): it is damaged, or of an earlier version; run the "
            "experiment's file again, which finds its finished steps, and delete that key"
        ) from None


def view_of(store: ObjectStore, identity: str, state: str, outcome: dict[str, Any]) -> ExperimentView:
    """As the store has it; `state` and `outcome` are the last attempt's, which a finished report overrules."""
    prefix = f"experiments/{identity}"
    done = store.exists(f"{prefix}/report.html") and state != "running"
    try:
        specification = read_specification(store, identity)
    except DataCorruptionError as error:
        return ExperimentView(identity, identity.rpartition("-")[0], "failed", "", str(error), "DataCorruptionError")
    experiment = specification.experiment
    found = _found(store, identity) if done else {}
    return ExperimentView(
        experiment_id=identity,
        name=experiment.name,
        state="succeeded" if done else state,
        created_at=specification.created_at,
        error="" if done else outcome.get("error", ""),
        error_kind="" if done else outcome.get("error_kind", ""),
        results=store.stat(f"{prefix}/results.json") if done else None,
        report=store.stat(f"{prefix}/report.html") if done else None,
        title=experiment.title or experiment.name,
        **found,
    )


def _found(store: ObjectStore, identity: str) -> dict[str, Any]:
    try:
        results = read_results(store, identity)
    except DataCorruptionError as error:  # it is still listed
        return {"headline": str(error)}
    return {
        "photographs": int(results["data"]["images"]),
        "seconds": float(sum(step["seconds"] for step in results["steps"])),
        "headline": in_short(results),
    }


def _specification_key(identity: str) -> str:
    return f"experiments/{identity}/specification.json"
