"""A copy of results in MLflow: its own client reads what is there, and nothing that goes wrong there goes further."""

import json
import logging
import sys
import time

import pytest
from orchestrator_results import results
from saggar.errors import InvalidInputError
from saggar.store import DirectoryStore
from saggar_orchestrator.tracking import Tracker


@pytest.fixture
def stored(tmp_path):
    """A store with results.json, and its values."""
    store, values = DirectoryStore(tmp_path / "store"), results(n=80)
    data = json.dumps(values).encode()
    return store, store.put("experiments/example-0123456789ab/results.json", data, "application/json"), values


def test_a_missing_library_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as find_spec sees a module that is not there
    with pytest.raises(InvalidInputError, match=r"pip install 'saggar-orchestrator\[mlflow\]'"):
        Tracker("http://127.0.0.1:5000")


def test_what_is_no_address_is_refused_at_the_start():
    pytest.importorskip("mlflow.tracking", reason="no mlflow-skinny")
    with pytest.raises(InvalidInputError, match="SAGGAR_MLFLOW_URI is no address"):
        Tracker("http://[::1")


def test_every_training_is_in_mlflow_once_with_the_numbers_of_the_results(stored, tmp_path, monkeypatch):
    tracking = pytest.importorskip("mlflow.tracking", reason="no mlflow-skinny")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow keeps folders for those who ask
    store, ref, values = stored
    uri = (tmp_path / "mlruns").as_uri()
    tracker = Tracker(uri)
    assert tracker.track(store, ref)

    client = tracking.MlflowClient(tracking_uri=uri)
    (experiment,) = client.search_experiments(filter_string="name = 'saggar/example'")

    def runs():
        return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}

    first = runs()
    assert len(first) == 9
    for arm in values["arms"]:
        for place, run in enumerate(arm["runs"]):
            copy = first[f"{arm['name']}, seed {run['seed']}, fold 0"]
            assert copy.info.status == "FINISHED"
            assert copy.data.tags["saggar.model"] == run["model_id"]
            assert copy.data.metrics["test_macro_f1"] == run["test_mean_macro_f1"]
            for task in arm["tasks"]:
                assert copy.data.metrics[f"test_accuracy.{task['task']}"] == task["runs"][place]["accuracy"]
            course = client.get_metric_history(copy.info.run_id, "validation_macro_f1")
            assert [(m.step, m.value) for m in course] == [
                (epoch["epoch"], epoch["validation_macro_f1"]) for epoch in run["epochs"]
            ]
            assert copy.data.params["synthetic_images"] == str(arm["by_origin"].get("synthetic", 0))

    # An attempt that died left one unfinished: it is made anew, and no other is made twice.
    torn = first["95:5, seed 1, fold 0"].info.run_id
    client.set_terminated(torn, "FAILED")
    assert tracker.track(store, ref)
    again = runs()
    assert again.keys() == first.keys()
    changed = {name for name in again if again[name].info.run_id != first[name].info.run_id}
    assert changed == {"95:5, seed 1, fold 0"}


@pytest.mark.parametrize("uri", ["http://curator:secret@127.0.0.1:9", "nonsense://curator:secret@somewhere"])
def test_a_dead_server_is_a_warning_without_the_password(stored, caplog, uri):
    pytest.importorskip("mlflow.tracking", reason="no mlflow-skinny")
    store, ref, _ = stored
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "saggar_orchestrator.tracking"):
        assert not Tracker(uri).track(store, ref)
    assert time.monotonic() - began < 60
    said = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("saggar"))
    assert "is not in MLflow at" in said
    assert "secret" not in said
