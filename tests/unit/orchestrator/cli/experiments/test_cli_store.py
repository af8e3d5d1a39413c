"""`saggar store clean` in a home where no service runs, and `--fresh` before any starts."""

import json
import os
import time

import pytest
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home
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


def put_old(store, key, data=b"{}"):
    store.put(key, data, "application/octet-stream")
    then = time.time() - 48 * 3600
    os.utime(store.root / key, (then, then))


def test_without_delete_it_says_what_nothing_refers_to_and_with_it_that_goes(saggar):
    put_old(saggar.store, "plans/1.json", b"x" * 2_500_000)
    put_old(saggar.store, "bundles/0123456789abcdef/model.onnx")
    saggar.store.put("plans/young.json", b"{}", "application/json")
    code, out, err = saggar("store", "clean")
    assert code == 0, err
    assert [line.split() for line in out.splitlines() if line.startswith(("bundles", "plans", "all"))] == [
        ["bundles", "1", "0.0"],
        ["plans", "1", "2.5"],
        ["all", "2", "2.5"],
    ]
    assert "nothing refers to 2 objects, 2.5 MB; add --delete to delete them" in err
    assert len(list(saggar.store.list(""))) == 3
    code, out, err = saggar("store", "clean", "--delete")
    assert (code, "2 objects deleted, 2.5 MB" in err) == (0, True), err
    assert list(saggar.store.list("")) == ["plans/young.json"]
    code, _, err = saggar("store", "clean")
    assert (code, "there is nothing to delete" in err) == (0, True)
    assert json.loads(saggar("store", "clean", "--json")[1]) == {"folders": [], "deleted": False, "is_partial": False}


def test_experiments_of_the_home_are_kept(saggar):
    put_experiment(saggar.store, saggar.home.root, finished=False)
    kept = list(saggar.store.list("experiments/"))
    for key in kept:
        os.utime(saggar.store.root / key, (0, 0))
    code, _, err = saggar("store", "clean", "--delete")
    assert code == 0, err
    assert list(saggar.store.list("experiments/")) == kept


def test_an_empty_home_is_clean_and_none_is_made(saggar, tmp_path):
    code, _, err = saggar("--home", tmp_path / "none", "store", "clean")
    assert code == 0, err
    assert not (tmp_path / "none").exists()


def test_a_database_that_others_may_work_with_needs_an_orchestrator(saggar, monkeypatch):
    monkeypatch.setenv("SAGGAR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, _, err = saggar("store", "clean", "--delete")
    assert code == 2
    assert "start this home's with `saggar up`, or name one with --server" in err


def test_an_age_below_an_hour_is_wrong_usage(saggar):
    code, _, err = saggar("store", "clean", "--older-than", "0.5")
    assert code == 2
    assert "--older-than" in err


def test_a_step_that_the_file_does_not_have_is_refused_before_any_service_starts(saggar):
    code, _, err = saggar("experiment", "run", saggar.file, "--fresh", "trian")
    assert code == 2
    assert "no step 'trian' in this experiment; did you mean 'train'?" in err
    assert "starting them" not in err
