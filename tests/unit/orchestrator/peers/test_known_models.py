"""Models that several arms or experiments share are listed once, by whom they belong to."""

import json

from saggar.store import DirectoryStore
from saggar_orchestrator.experiment.results_file import SCHEMA
from saggar_orchestrator.peers.models import known_models

BUNDLE = {"key": "bundles/m/bundle.json", "sha256": "0" * 64, "size_bytes": 1, "media_type": "application/json"}


def keep(store, experiment, arms, winner):
    def run(model):
        return {
            "model_id": model, "seed": 0, "bundle": BUNDLE, "validation_macro_f1": 0.7, "test_mean_macro_f1": 0.6,
        }  # fmt: skip

    results = {
        "schema": SCHEMA,
        "experiment": {"id": experiment},
        "arms": [{"name": name, "runs": [run(model)]} for name, model in arms.items()],
        "winner": {"model_id": winner},
    }
    store.put(f"experiments/{experiment}/results.json", json.dumps(results).encode(), "application/json")


def test_a_model_of_two_arms_is_the_first_ones(tmp_path):
    store = DirectoryStore(tmp_path)
    keep(store, "one", {"baseline": "m", "90:10": "m"}, "m")
    assert [(one.arm, one.proposed) for one in known_models(store)] == [("baseline", True)]


def test_a_model_of_two_experiments_is_the_one_s_that_proposes_it(tmp_path):
    store = DirectoryStore(tmp_path)
    keep(store, "a", {"baseline": "other", "first": "m"}, "other")
    keep(store, "b", {"second": "m"}, "m")
    keep(store, "c", {"third": "m", "baseline": "other"}, "other")
    found = {one.model_id: (one.experiment_id, one.arm, one.proposed) for one in known_models(store)}
    assert found == {"m": ("b", "second", True), "other": ("a", "baseline", True)}
