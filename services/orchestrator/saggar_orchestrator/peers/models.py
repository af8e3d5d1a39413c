"""The classifiers that experiments have made."""

from __future__ import annotations

import json
from dataclasses import dataclass

from saggar.store import ObjectRef, ObjectStore


@dataclass(frozen=True)
class ModelEntry:
    """A bundle and where it comes from."""

    model_id: str
    bundle: ObjectRef
    experiment_id: str
    arm: str
    seed: int
    validation_macro_f1: float
    test_mean_macro_f1: float


def known_models(store: ObjectStore) -> list[ModelEntry]:
    """From the results of all finished experiments, best on validation first: the test split has no say in a choice.

    A bundle that several experiments share appears once.
    """
    entries: dict[str, ModelEntry] = {}
    for key in store.list("experiments/"):
        if not key.endswith("/results.json"):
            continue
        results = json.loads(store.get(key))
        for arm in results["arms"]:
            for run in arm["runs"]:
                entries[run["model_id"]] = ModelEntry(
                    model_id=run["model_id"],
                    bundle=ObjectRef.from_json(run["bundle"]),
                    experiment_id=results["experiment"]["id"],
                    arm=arm["name"],
                    seed=run["seed"],
                    validation_macro_f1=run["validation_macro_f1"],
                    test_mean_macro_f1=run["test_mean_macro_f1"],
                )
    return sorted(entries.values(), key=lambda entry: (-entry.validation_macro_f1, entry.model_id))
