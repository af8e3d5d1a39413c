"""What the workflow keeps: JSON, no pickles, and notes of steps that are named where they are damaged."""

import base64
import pickle

import pytest
from dbos import _serialization
from saggar.errors import DataCorruptionError, NotFoundError
from saggar.store import DirectoryStore
from saggar_orchestrator.workflow import reuse
from saggar_orchestrator.workflow.database.serializing import JsonSerializer, refuse_pickles
from saggar_orchestrator.workflow.stored import read_specification, view_of


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


@pytest.mark.parametrize("damage", [b"", b'{"kind": "split", "resu', b"[]", b'{"result": 3}'])
def test_a_damaged_note_of_a_step_is_named_with_what_to_do(tmp_path, damage):
    store = DirectoryStore(tmp_path)
    reuse.find_or_do(store, "split", {"seed": 0}, lambda: {"counts": {}})
    (key,) = store.list("steps/")
    (tmp_path / key).chmod(0o644)
    (tmp_path / key).write_bytes(damage)
    with pytest.raises(DataCorruptionError, match=rf"{key} of the store .*delete that file, then resume"):
        reuse.find_or_do(store, "split", {"seed": 0}, lambda: {"counts": {}})


def test_a_step_whose_object_is_gone_is_done_again_with_a_warning(tmp_path, caplog):
    store = DirectoryStore(tmp_path)
    made = []

    def work():
        made.append(1)
        reference = store.put("bundles/b1/bundle.json", b"{}", "application/json")
        return {"runs": [{"bundle": reference.to_json()}]}

    first, _ = reuse.find_or_do(store, "train", {"seed": 0}, work)
    assert reuse.find_or_do(store, "train", {"seed": 0}, work) == (first, True)
    store.delete("bundles/b1/bundle.json")
    assert reuse.find_or_do(store, "train", {"seed": 0}, work) == (first, False)
    assert "names bundles/b1/bundle.json, which is gone; the step is done again" in caplog.text
    assert reuse.find_or_do(store, "train", {"seed": 0}, work) == (first, True)
    assert len(made) == 2


def test_of_two_that_did_a_step_at_once_the_first_result_stands(tmp_path):
    store = DirectoryStore(tmp_path)
    reuse.note(store, "split", {"seed": 0}, {"counts": 1})
    assert reuse.note(store, "split", {"seed": 0}, {"counts": 2}) == {"counts": 1}


def test_a_damaged_specification_is_named_and_does_not_hide_the_others(tmp_path):
    store = DirectoryStore(tmp_path)
    store.put("experiments/broken-0123/specification.json", b'{"experiment": {', "application/json")
    with pytest.raises(
        DataCorruptionError, match=r"experiments/broken-0123/specification\.json of the store cannot be read"
    ):
        read_specification(store, "broken-0123")
    view = view_of(store, "broken-0123", "interrupted", {})
    assert (view.name, view.state, view.error_kind) == ("broken", "failed", "DataCorruptionError")
