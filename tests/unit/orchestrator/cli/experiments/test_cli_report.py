"""`saggar report` of several experiments: each by itself, and all on one page; nothing where nothing compares."""

import csv
import json
import re

import pytest
from orchestrator_results import picture, results
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.main import run
from web_page import check, words


@pytest.fixture
def saggar(tmp_path, capsys):
    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


def put_results(folder, name, n, tasks=None):
    """A finished experiment in the home's store; its results. `tasks`: other names of its tasks."""
    values = results(seeds=(0,), n=n)
    values["experiment"] |= {"id": f"{name}-0123456789ab", "name": name}
    if tasks:
        values["taxonomy"]["tasks"] = [
            task | {"name": other} for task, other in zip(values["taxonomy"]["tasks"], tasks, strict=True)
        ]
    store = DirectoryStore(folder / "home" / "store")
    at = f"experiments/{values['experiment']['id']}"
    store.put(f"{at}/results.json", json.dumps(values).encode(), "application/json")
    store.put(f"{at}/report.html", b"<!doctype html>", "text/html")
    return values


def test_two_experiments_get_a_page_and_tables_of_their_differences(saggar, tmp_path):
    every = [put_results(tmp_path, "first", 40), put_results(tmp_path, "second", 30)]
    output = tmp_path / "out"
    code, out, err = saggar("report", "first", "second", "first", "--output", output)
    assert code == 0, err
    assert out.strip() == str(output / "comparison.html")
    page = (output / "comparison.html").read_text(encoding="utf-8")
    assert check(page) == []
    assert "2 experiments compared" in words(page)
    with (output / "tables" / "compared_differences.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = [
        (one["experiment"]["name"], arm["name"], task, d["mean"])
        for one in every
        for arm in one["arms"][1:]
        for task, d in arm["differences"]["macro_f1"].items()
    ]
    found = [(row["experiment"], row["arm"], row["task"], float(row["macro_f1_difference"])) for row in rows]
    assert found == expected
    for one in every:
        assert (output / one["experiment"]["id"] / "tables" / "scores.tex").exists()
    assert (output / "figures" / "forest-mean.png").stat().st_size > 1000


def test_a_report_is_written_anew_from_its_results_which_stay(saggar, tmp_path):
    values = put_results(tmp_path, "first", 40)
    store = DirectoryStore(tmp_path / "home" / "store")
    stored = store.get(f"experiments/{values['experiment']['id']}/results.json")
    code, _, err = saggar("report", "first", "--output", tmp_path / "out")
    assert (code, "as the experiment wrote it, for it cannot be written anew: " in err) == (0, True)  # no picture left
    assert (tmp_path / "out" / "report.html").read_text() == "<!doctype html>"
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"scores.svg", "confusion-type.png"} < figures
    for key in set(re.findall(r'"(images/[^"]+)"', stored.decode())):
        store.put(key, picture(key), "image/png")
    code, _, err = saggar("report", "first", "--output", tmp_path / "out")
    assert (code, "as the experiment wrote it" in err) == (0, False)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert check(page) == []
    assert "40 test photographs" in words(page)
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} == figures
    assert (tmp_path / "out" / "results.json").read_bytes() == stored
    assert store.get(f"experiments/{values['experiment']['id']}/report.html") == b"<!doctype html>"


def test_experiments_without_a_common_task_are_refused_before_anything_is_written(saggar, tmp_path):
    put_results(tmp_path, "first", 40)
    put_results(tmp_path, "other", 40, tasks=("era", "place", "colour", "form"))
    code, _, err = saggar("report", "first", "other", "--output", tmp_path / "out")
    assert code == 2
    assert "no task in common" in err
    assert "other-0123456789ab: era, place, colour, form" in err
    assert not (tmp_path / "out").exists()
