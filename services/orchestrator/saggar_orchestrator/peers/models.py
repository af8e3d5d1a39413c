"""The classifiers that experiments have made."""

from __future__ import annotations

import json
from dataclasses import dataclass

from saggar.errors import NotFoundError
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.v1 import classifier_pb2

from saggar_orchestrator.experiment.results_file import read_results
from saggar_orchestrator.peers.peers import Peers

_ACTIVE = "classifier/active/"  # the classifier's notes: the highest number is the model that it serves
_ACTIVATION_S = 60.0


@dataclass(frozen=True)
class ModelEntry:
    """A bundle and where it comes from. `test_interval`: 95 %, over test objects; none in results of before."""

    model_id: str
    bundle: ObjectRef
    experiment_id: str
    arm: str
    seed: int
    validation_macro_f1: float
    test_mean_macro_f1: float
    test_interval: tuple[float, float] | None = None
    proposed: bool = False  # by its experiment, for service: docs/experiments.md says by which rule


def known_models(store: ObjectStore) -> list[ModelEntry]:
    """From the results of all finished experiments, best on validation first: the test split has no say in a choice.

    A bundle that several arms or experiments share appears once: by the first that has it, or that proposes it.
    """
    entries: dict[str, ModelEntry] = {}
    for key in store.list("experiments/"):
        if not key.endswith("/results.json"):
            continue
        results = read_results(store, key.split("/")[1])
        for arm in results["arms"]:
            for run in arm["runs"]:
                entry = ModelEntry(
                    model_id=run["model_id"],
                    bundle=ObjectRef.from_json(run["bundle"]),
                    experiment_id=results["experiment"]["id"],
                    arm=arm["name"],
                    seed=run["seed"],
                    validation_macro_f1=run["validation_macro_f1"],
                    test_mean_macro_f1=run["test_mean_macro_f1"],
                    test_interval=tuple(run["test_interval"]) if run.get("test_interval") else None,
                    proposed=run["model_id"] == results.get("winner", {}).get("model_id"),
                )
                known = entries.setdefault(entry.model_id, entry)
                if entry.proposed and not known.proposed:
                    entries[entry.model_id] = entry
    return sorted(entries.values(), key=lambda entry: (-entry.validation_macro_f1, entry.model_id))


def active_model(store: ObjectStore) -> str:
    """The model that was activated last; empty when none was."""
    keys = sorted(key for key in store.list(_ACTIVE) if key.endswith(".json"))
    if not keys:
        return ""
    try:
        return str(json.loads(store.get(keys[-1]))["key"]).split("/")[1]
    except (ValueError, KeyError, IndexError):
        return ""  # a note that the classifier cannot read either: it serves nothing


def activate(store: ObjectStore, peers: Peers, model_id: str) -> ModelEntry:
    """Makes the classifier serve a model. NotFoundError for none of the known ones, and the classifier's errors."""
    entries = {entry.model_id: entry for entry in known_models(store)}
    if model_id not in entries:
        raise NotFoundError(f"no model '{model_id}'; `saggar models list` shows which there are", model_id)
    entry = entries[model_id]
    request = classifier_pb2.ActivateModelRequest(bundle=ref_to_proto(entry.bundle))
    peers.call("classifier", "ActivateModel", request, _ACTIVATION_S)
    return entry
