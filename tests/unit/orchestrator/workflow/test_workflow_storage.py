"""What the workflow keeps: JSON, no pickles, and notes of steps that are named where they are damaged."""

import base64
import pickle
from pathlib import Path

import pytest
from dbos import _serialization
from saggar.errors import DataCorruptionError, NotFoundError
from saggar.store import DirectoryStore
from saggar_orchestrator.workflow import engine, reuse
from saggar_orchestrator.workflow.database.serializing import JsonSerializer, refuse_pickles
from saggar_orchestrator.workflow.engine import APPLICATION_VERSION
from saggar_orchestrator.workflow.reuse import Note
from saggar_orchestrator.workflow.stored import read_specification, view_of
from saggar_orchestrator.workflow.version import code_digest


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_values_and_errors_come_back():
    serializer = JsonSerializer()
    assert serializer.deserialize(serializer.serialize({"a": [1, 2.5, None, "ä"]})) == {"a": [1, 2.5, None, "ä"]}
    assert serializer.deserialize(serializer.serialize((1, 2))) == [1, 2]
    error = serializer.deserialize(serializer.serialize(NotFoundError("no such thing")))
    assert (type(error), str(error)) == (NotFoundError, "no such thing")
    other = serializer.deserialize(serializer.serialize(ZeroDivisionError("by zero")))
    assert (type(other), str(other)) == (RuntimeError, "ZeroDivisionError: by zero")
    with pytest.raises(TypeError, match="object is not for the workflow database"):
        serializer.serialize(object())


def test_a_row_that_was_changed_runs_no_code(tmp_path, monkeypatch):
    for name in ("serialize", "deserialize"):
        monkeypatch.setattr(_serialization.DefaultSerializer, name, getattr(_serialization.DefaultSerializer, name))
    payload = base64.b64encode(pickle.dumps(Bomb(tmp_path / "ran"))).decode()
    refuse_pickles()
    for kind in ("py_pickle", "saggar_json", None):
        with pytest.raises(DataCorruptionError, match="resume the experiment"):
            _serialization.deserialize_value(payload, kind, JsonSerializer())
    assert not (tmp_path / "ran").exists()


SPLIT = reuse.step_id("split", {"seed": 0})


def noted(store, result, **about):
    return reuse.note(store, "split", {"seed": 0}, Note(result, **about))


@pytest.mark.parametrize("damage", [b"", b'{"kind": "split", "resu', b"[]", b'{"result": 3}'])
def test_a_damaged_note_of_a_step_is_named_with_what_to_do(tmp_path, damage):
    store = DirectoryStore(tmp_path)
    noted(store, {"counts": {}})
    (key,) = store.list("steps/")
    (tmp_path / key).chmod(0o644)
    (tmp_path / key).write_bytes(damage)
    with pytest.raises(DataCorruptionError, match=rf"{key} of the store .*delete that file, then resume"):
        reuse.find(store, SPLIT)


def test_a_step_whose_object_is_gone_is_done_again_with_a_warning(tmp_path, caplog):
    store = DirectoryStore(tmp_path)
    reference = store.put("bundles/b1/bundle.json", b"{}", "application/json")
    result = {"runs": [{"bundle": reference.to_json()}]}
    made = noted(store, result, seconds=2.5, experiment="one")
    assert reuse.find(store, SPLIT) == made == Note(result, 2.5, "one")
    store.delete("bundles/b1/bundle.json")
    assert reuse.find(store, SPLIT) is None
    assert "names bundles/b1/bundle.json, which is gone; the step is done again" in caplog.text
    store.put("bundles/b1/bundle.json", b"{}", "application/json")
    noted(store, result, experiment="other")
    assert reuse.find(store, SPLIT).experiment == "one"  # whole again, it stands


def test_results_that_were_written_anew_since_are_not_those_that_a_note_names(tmp_path):
    """As where an experiment is deleted and run again: its key is the same, what lies there is not."""
    store = DirectoryStore(tmp_path)
    key = "experiments/one/results.json"
    noted(store, {"results": store.put(key, b"1", "application/json").to_json()})
    store.delete(key)
    again = store.put(key, b"2", "application/json").to_json()
    assert reuse.find(store, SPLIT) is None
    assert noted(store, {"results": again}).result == {"results": again}
    assert reuse.find(store, SPLIT).result == {"results": again}


def test_of_two_that_did_a_step_at_once_the_first_result_stands(tmp_path):
    store = DirectoryStore(tmp_path)
    noted(store, {"counts": 1}, experiment="first")
    assert noted(store, {"counts": 2}, experiment="second") == Note({"counts": 1}, experiment="first")


def test_what_was_done_again_takes_the_place_of_what_was_there(tmp_path):
    store = DirectoryStore(tmp_path)
    noted(store, {"counts": 1})
    noted(store, {"counts": 2}, fresh="one.2")
    assert reuse.find(store, SPLIT) == Note({"counts": 2}, fresh="one.2")


def test_another_source_is_another_version(tmp_path):
    for name in ("workflow/order.py", "cli/main.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("first = 1\n")
    first = code_digest(tmp_path)
    (tmp_path / "cli/main.py").write_text("second = 2\n")  # no attempt runs through it
    assert code_digest(tmp_path) == first
    (tmp_path / "workflow/order.py").write_text("second = 2\n")
    assert code_digest(tmp_path) != first
    assert f"workflow-3.{code_digest(Path(engine.__file__).parents[1])}" == APPLICATION_VERSION


def test_a_damaged_specification_is_named_and_does_not_hide_the_others(tmp_path):
    store = DirectoryStore(tmp_path)
    store.put("experiments/broken-0123/specification.json", b'{"experiment": {', "application/json")
    with pytest.raises(
        DataCorruptionError, match=r"experiments/broken-0123/specification\.json of the store cannot be read"
    ):
        read_specification(store, "broken-0123")
    view = view_of(store, "broken-0123", "interrupted", {})
    assert (view.name, view.state, view.error_kind) == ("broken", "failed", "DataCorruptionError")
