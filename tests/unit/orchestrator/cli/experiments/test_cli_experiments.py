"""`saggar experiment init`, `diff` and `delete`."""

import json
import shutil
from pathlib import Path

import pytest
from saggar.errors import SaggarError
from saggar.kilnsim.collection import write_collection
from saggar.store import DirectoryStore
from saggar.v1 import orchestrator_pb2
from saggar_orchestrator.cli.experiments.differing import differing
from saggar_orchestrator.cli.experiments.running import raise_unless_succeeded
from saggar_orchestrator.cli.experiments.writing import Origin
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.cli.terminal.failures import explain
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.writing.beginning import Sized
from saggar_orchestrator.local.home import Home
from test_cli_home import FILE, put_experiment


@pytest.fixture
def saggar(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        return code, *capsys.readouterr()

    call.home = Home(tmp_path / "home")
    call.store = DirectoryStore(tmp_path / "home" / "store")
    return call


def import_drawn(saggar, folder, taxonomy="kilnsim", count=120):
    labels = write_collection(folder / "photos", count=count, seed=1, size=32)
    arguments = ("data", "import", folder / "photos", "--labels", labels, "--taxonomy", taxonomy, "--json")
    code, out, err = saggar(*arguments)
    assert code == 0, err
    return json.loads(out)["dataset"]


@pytest.mark.parametrize("origin", [each for each in Origin if each is not Origin.MY_DATA])
def test_every_beginning_is_an_experiment_file(saggar, tmp_path, origin):
    code, out, err = saggar("experiment", "init", "--from", origin)
    assert code == 0, err
    path = tmp_path / out.strip()
    assert path.name == f"{origin}.yaml"
    experiment, _ = parse_experiment(path.read_text(encoding="utf-8"), str(path), tmp_path)
    assert experiment.synthetic_arms
    assert "# " in path.read_text(encoding="utf-8")


def test_selective_keeps_the_glaze_apart(saggar, tmp_path):
    saggar("experiment", "init", "--from", "selective")
    experiment, _ = parse_experiment((tmp_path / "selective.yaml").read_text(encoding="utf-8"), "x", tmp_path)
    weights = {arm.name: experiment.training_of(arm).synthetic_task_weights for arm in experiment.synthetic_arms}
    assert weights == {"10 %": {}, "10 %, glaze masked": {"glaze": 0}}
    assert [arm.control.of for arm in experiment.all_arms if arm.control] == ["10 %"]


def test_my_data_gets_a_file_of_its_size(saggar, tmp_path):
    dataset = import_drawn(saggar, tmp_path)
    code, out, err = saggar("experiment", "init", "--from", "my-data", dataset[:5], "mine.yaml")
    assert code == 0, err
    text = Path(out.strip()).read_text(encoding="utf-8")
    experiment, taxonomy = parse_experiment(text, "mine.yaml", tmp_path)
    assert experiment.data.dataset == dataset
    assert taxonomy.id == "kilnsim"
    assert len(experiment.seeds) >= 3  # or there is no verdict
    assert experiment.augmentation is None
    training = experiment.training_of(experiment.arms[0])
    assert (training.backbone_learning_rate, training.retrain_heads, training.head_fit) == (0, "all", "discriminant")
    assert max(map(len, text.splitlines())) <= 200
    code, _, err = saggar("experiment", "init", "--from", "my-data", dataset, "mine.yaml")
    assert code == 2
    assert "mine.yaml is there already" in err
    assert saggar("experiment", "init", "--from", "my-data", dataset, "mine.yaml", "--force")[0] == 0


def test_too_few_test_photographs_are_said_plainly(saggar, tmp_path):
    dataset = import_drawn(saggar, tmp_path)
    code, out, _ = saggar("experiment", "init", "--from", "my-data", dataset, "mine.yaml")
    assert code == 0
    comments = [line for line in Path(out.strip()).read_text("utf-8").splitlines() if "in accuracy" in line]
    assert comments
    assert not any("nothing" in line for line in comments)
    assert any(line.startswith("# Too few test photographs to show any difference in accuracy: ") for line in comments)


def test_data_with_nothing_to_tell_apart_get_no_file(saggar, tmp_path):
    photographs = tmp_path / "bowls"
    drawn = write_collection(tmp_path / "drawn", 10, 3, 32)
    shutil.copytree(drawn.parent / "images", photographs / "Song")
    code, out, err = saggar("data", "import", photographs, "--layout", "dynasty", "--taxonomy", "kilnsim", "--json")
    assert code == 0, err
    code, out, err = saggar("experiment", "init", "--from", "my-data", json.loads(out)["dataset"])
    assert (code, out) == (2, "")
    assert "dynasty has 1, of which 1 tested" in err
    assert "import photographs of more classes" in err
    assert not (tmp_path / "my-collection.yaml").exists()


def test_nobody_to_ask_is_told_what_to_say(saggar):
    code, _, err = saggar("experiment", "init")
    assert code == 2
    assert "--from quickstart|paper|selective|composites|my-data" in err
    code, _, err = saggar("experiment", "init", "--from", "my-data")
    assert code == 2
    assert "saggar data import" in err


def test_values_grow_with_the_data_up_to_the_papers():
    few, some, paper, many = (Sized.of(n) for n in (60, 900, 5068, 50_000))
    assert (paper.below, paper.adapter_images, paper.batch_size) == (50, 1000, 64)
    assert (many.below, many.adapter_images) == (50, 1000)
    assert few.below < some.below < paper.below
    assert few.adapter_images < some.adapter_images < paper.adapter_images
    assert [sized.heads_alone for sized in (few, some, paper, many)] == [True, False, False, False]
    assert all(len(sized.seeds) >= 3 for sized in (few, some, paper, many))


def test_what_differs_is_named_by_its_key():
    first = {"a": 1, "b": {"c": 2, "d": [1]}, "gone": True}
    second = {"a": 1, "b": {"c": 3, "d": [1]}, "new": 5}
    assert differing(first, second) == [("b.c", 2, 3), ("gone", True, None), ("new", None, 5)]


def test_diff_of_an_experiment_and_a_file(saggar, tmp_path):
    identity = put_experiment(saggar.store, tmp_path, finished=True)
    (tmp_path / "other.yaml").write_text(FILE.replace("count: 4", "count: 8").replace("[0, 1, 2]", "[0, 1]"))
    code, out, err = saggar("experiment", "diff", "small", "other.yaml", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["first"] == identity
    assert {entry["key"]: (entry["first"], entry["second"]) for entry in told["settings"]} == {
        "seeds": [0, 1, 2] and ([0, 1, 2], [0, 1]),
        "arms.95:5.synthetic.count": (4, 8),
    }
    code, out, _ = saggar("experiment", "diff", "small", identity)
    assert out.startswith("the settings are equal")
    assert "baseline" in out  # and the scores of both


def test_a_deleted_experiment_is_gone_and_its_work_is_not(saggar, tmp_path):
    identity = put_experiment(saggar.store, tmp_path, finished=True)
    saggar.store.put("steps/0123.json", b"{}", "application/json")
    assert saggar("experiment", "show", "small")[0] == 0  # places the report
    code, _, err = saggar("experiment", "delete", "small")
    assert code == 2
    assert "--yes" in err
    code, out, err = saggar("experiment", "delete", "small", "--yes")
    assert code == 0, err
    assert out.strip() == f"{identity} deleted"
    assert json.loads(saggar("experiment", "list", "--json")[1]) == []
    assert list(saggar.store.list("steps/")) == ["steps/0123.json"]
    assert not (saggar.home.reports / f"{identity}.html").exists()
    assert saggar("experiment", "delete", "small", "--yes")[0] == 2


@pytest.mark.parametrize(
    ("kind", "remedy", "wrong_input"),
    [
        ("InvalidInputError", "Correct the file, then `saggar experiment run` it again", True),
        ("NotFoundError", "Correct the file, then `saggar experiment run` it again", True),
        ("StorageFullError", "Fix the cause, then `saggar experiment resume small-1` goes on", False),
        ("CancelledError", "`saggar experiment resume small-1` continues it", False),
        ("InternalError", "Fix the cause, then `saggar experiment resume small-1` goes on", False),
    ],
)
def test_a_failure_says_whether_the_file_or_the_world_is_to_be_put_right(kind, remedy, wrong_input):
    state = "CANCELLED" if kind == "CancelledError" else "FAILED"
    ended = orchestrator_pb2.Experiment(
        experiment_id="small-1", state=f"EXPERIMENT_STATE_{state}", error="no such base model", error_kind=kind
    )
    with pytest.raises(SaggarError) as raised:
        raise_unless_succeeded(ended)
    text, is_wrong_input = explain(raised.value)
    assert "no such base model" in text
    assert remedy in text
    assert is_wrong_input is wrong_input
