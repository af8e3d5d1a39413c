"""`saggar experiment plan`: what is reused, what is new and why, and what it costs."""

import json

import pytest
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.experiments.archive import Archive
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.workflow import expense
from saggar_orchestrator.workflow.forecast import foresee
from saggar_orchestrator.workflow.reuse import step_id
from test_cli_home import FILE, put_experiment


@pytest.fixture
def saggar(tmp_path, capsys):
    (tmp_path / "file.yaml").write_text(FILE)

    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        return code, *capsys.readouterr()

    call.home = Home(tmp_path / "home")
    call.store = DirectoryStore(tmp_path / "home" / "store")
    call.file = tmp_path / "file.yaml"
    return call


def put_step(store, identity, kind, result):
    record = {"kind": kind, "inputs": {}, "result": result}
    store.put(f"steps/{identity}.json", json.dumps(record).encode(), "application/json")


def test_in_an_empty_home_all_is_new_and_nothing_is_made(saggar, tmp_path):
    code, out, err = run_in(saggar, tmp_path / "none")
    assert code == 0, err
    steps = json.loads(out)["steps"]
    assert [step["state"] for step in steps if step["kind"] == "import"] == ["new"]
    assert {step["state"] for step in steps} == {"new", "follows", "again"}
    assert not (tmp_path / "none").exists()


def run_in(saggar, home):
    return saggar("--home", home, "experiment", "plan", saggar.file, "--json")


def test_what_is_done_is_reused_and_what_follows_from_a_new_step_is_new(saggar):
    first = json.loads(saggar("experiment", "plan", saggar.file, "--json")[1])["steps"]
    imported = next(step for step in first if step["kind"] == "import")
    manifest = saggar.store.put("datasets/0123456789abcdef/manifest.parquet", b"x", "application/x")
    put_step(saggar.store, imported["step_id"], "import", {"manifest": manifest.to_json()})
    again = json.loads(saggar("experiment", "plan", saggar.file, "--json")[1])["steps"]
    states = {step["title"]: step["state"] for step in again}
    assert states["import photographs"] == "reused"
    assert states["split into train, validation, test"] == "new"
    assert states["train baseline, seed 0"] == "follows"
    assert states["gather results"] == "follows"
    code, out, err = saggar("experiment", "plan", saggar.file)
    assert code == 0, err
    assert "import photographs\treused" in out
    assert f"{len(again)} steps, 1 reused" in err
    assert "time: not known" in err


def test_the_nearest_experiment_says_what_is_new(saggar, tmp_path):
    identity = put_experiment(saggar.store, tmp_path, finished=True)
    saggar.file.write_text(FILE.replace("count: 4", "count: 8"))
    code, _, err = saggar("experiment", "plan", saggar.file)
    assert code == 0, err
    assert f"new against {identity}: arms: " in err
    told = json.loads(saggar("experiment", "plan", saggar.file, "--json")[1])
    assert told["nearest"]["experiment"] == identity


def test_time_is_by_what_the_home_has_measured(saggar, tmp_path):
    put_experiment(saggar.store, tmp_path, finished=True)
    archive = Archive(saggar.home)
    rates = expense.measured_rates(archive)
    experiment, _ = parse_experiment(FILE, "file", tmp_path)
    steps = foresee_all(saggar, experiment, tmp_path)
    costs = expense.estimate(archive, experiment, steps)
    assert costs.images == round(4 * 1.15)
    assert costs.megabytes > 100  # six classifiers
    assert (costs.seconds is None) == (not rates)
    assert costs.free_megabytes > 0


class OneSecond(dict):
    """Rates of a home where a unit of anything takes a second."""

    def get(self, _kind):
        return 1.0


def test_over_two_trainers_trainings_take_half_the_time_and_nothing_else_does(saggar, tmp_path, monkeypatch):
    monkeypatch.setattr(expense, "measured_rates", lambda archive: OneSecond())
    archive = Archive(saggar.home)
    experiment, _ = parse_experiment(FILE, "file", tmp_path)
    steps = foresee_all(saggar, experiment, tmp_path)
    none, one, two = (expense.estimate(archive, experiment, steps, trainers).seconds for trainers in (1e9, 1, 2))
    assert two - none == pytest.approx((one - none) / 2)
    assert none > 1


def foresee_all(saggar, experiment, folder):
    from saggar_orchestrator.peers.peers import Peers
    from saggar_orchestrator.progress import Cancellation
    from saggar_orchestrator.workflow.run import Resources, Specification, workshop_of

    _, taxonomy = parse_experiment(FILE, "file", folder)
    specification = Specification("x", experiment, taxonomy, {"kind": "kilnsim"}, "", "")
    resources = Resources(saggar.store, Peers({}, 0.0), folder, 1)
    return foresee(workshop_of(specification, resources, Cancellation()), lambda _: None)


def test_a_rate_is_seconds_for_a_unit_of_work():
    assert step_id("import", {"a": 1}) != step_id("import", {"a": 2})
    assert expense._kind_of("train baseline, seed 0") == "train"
    assert expense._kind_of("train adapter") == "adapter"
    assert expense._kind_of("fold 2 of 5: screen 95:5") == "screen"
    assert expense._kind_of("write report") is None


def test_a_wrong_file_is_named_and_nothing_is_planned(saggar):
    saggar.file.write_text(FILE.replace("seeds", "seads"))
    code, out, err = saggar("experiment", "plan", saggar.file)
    assert (code, out) == (2, "")
    assert "did you mean 'seeds'?" in err


def test_weights_that_are_not_there_are_named(saggar, tmp_path):
    code, _, err = saggar("experiment", "plan", saggar.file)
    assert code == 0, err
    saggar.file.write_text(f"{FILE}\nscreening: {{inception_weights_path: none.safetensors}}\n")
    code, out, err = saggar("experiment", "plan", saggar.file)
    assert (code, out) == (2, "")
    assert f"screening.inception_weights_path: there is no {tmp_path / 'none.safetensors'}" in err
