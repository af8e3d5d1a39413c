"""`saggar data doubts` and back: planted errors in the table, accepted there, corrected in a new data set."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from judged_collection import TAXONOMY, judged_collection
from saggar.stored_datasets import manifest_key, read_manifest, write_manifest
from saggar_orchestrator.cli.main import run

pytest.importorskip("cleanlab")

from saggar_orchestrator.labelling.doubts import find_doubts
from saggar_orchestrator.labelling.held_out import held_out


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    return judged_collection(folder / "home", folder)


@pytest.fixture
def saggar(judged, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run(["--home", str(judged.folder / "home"), *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def decided(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_planted_errors_are_listed_with_picture_neighbours_and_probability(judged, saggar, tmp_path):
    code, out, err = saggar("data", "doubts", judged.experiment[:9])
    assert code == 0, err
    assert "doubts.csv" in out
    rows = rows_of(tmp_path / "doubts.csv")
    found = {(row["photograph"], row["task"]): row for row in rows}
    planted = set(judged.wrong) & set(found)
    assert len(planted) >= 0.7 * len(judged.wrong)
    assert len(planted) >= 0.7 * len(found)
    for photograph, task in planted:
        row = found[photograph, task]
        assert row["label"] == judged.wrong[photograph, task]
        assert row["proposed"] == judged.drawn[photograph][task]
        assert float(row["probability_of_proposed"]) > float(row["probability_of_label"])
        assert row["nearest"].count("(") >= 4
        assert row["accept"] == ""
    page = (tmp_path / "doubts.html").read_text(encoding="utf-8")
    assert page.count('<article class="doubt">') == len(rows)
    assert page.count("data:image/jpeg") >= 5 * len(rows)
    assert "http" not in page.replace("http-equiv", "")


def test_what_is_accepted_becomes_a_corrected_data_set(judged, saggar, tmp_path):
    saggar("data", "doubts", judged.dataset)
    rows = rows_of(tmp_path / "doubts.csv")
    wrong = dict(judged.wrong)
    for row in rows:
        planted = wrong.pop((row["photograph"], row["task"]), None)
        row["accept"] = "no" if planted is None else "accept"
    accepted = len(judged.wrong) - len(wrong)
    table = decided(tmp_path / "decided.csv", rows)
    code, out, err = saggar("data", "import", "--corrections", table, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["corrected"] == accepted > 0
    assert said["from"] == judged.dataset
    assert said["rejected"] == len(rows) - accepted
    made = read_manifest(judged.store, judged.store.stat(manifest_key(said["dataset"])))
    for record in made.records():
        for task, code in record.labels.items():
            assert (code or "") == wrong.get((record.source, task), judged.drawn[record.source][task])
    before = read_manifest(judged.store, judged.store.stat(manifest_key(judged.dataset)))
    assert before == judged.manifest  # nothing is overwritten


def test_a_chinese_page_names_classes_in_chinese(judged, saggar, tmp_path):
    code, _, err = saggar("data", "doubts", judged.experiment, "--language", "zh")
    assert code == 0, err
    page = (tmp_path / "doubts.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert "需要复查的标签" in page
    assert "Labels to look at again" not in page
    assert "景德镇窑" in page or "定窑" in page


def test_decisions_are_never_written_over(judged, saggar, tmp_path):
    assert saggar("data", "doubts", judged.experiment)[0] == 0
    code, _, err = saggar("data", "doubts", judged.experiment)
    assert code != 0
    assert "may hold decisions" in err


def test_a_data_set_that_nobody_judged_asks_for_folds(judged, saggar, tmp_path):
    other = judged.manifest.take(np.arange(20))
    name = write_manifest(judged.store, other).key.split("/")[1]
    code, _, err = saggar("data", "doubts", name)
    assert code != 0
    assert "--run" in err
    assert "folds: 5" in err


def test_nearly_equal_pictures_with_other_labels_are_doubted(judged):
    results = json.loads(judged.store.get(f"experiments/{judged.experiment}/results.json"))
    held = held_out(judged.store, results)
    frame = held.manifest.frame.copy()
    pair = [0, 1]
    frame.loc[frame.index[pair[1]], "phash"] = frame["phash"].iloc[pair[0]]  # as of one photograph saved twice
    labels = {task: values.copy() for task, values in held.labels.items()}
    labels["type"][pair] = (0, 1)
    probabilities = {task: values.copy() for task, values in held.probabilities.items()}
    probabilities["type"][pair] = np.eye(len(TAXONOMY.task("type").codes))[0] * 0.9 + 0.01

    changed = replace(
        held, manifest=type(held.manifest)(frame, held.manifest.tasks), labels=labels, probabilities=probabilities
    )
    found = find_doubts(changed, judged.store.get)
    (doubt,) = [one for one in found.doubts if one.twins and one.task == "type"]
    assert doubt.image == frame["image"].iloc[1]
    assert doubt.proposed == TAXONOMY.task("type").codes[0]
    assert doubt.twins[0].image == frame["image"].iloc[0]
    assert "nearly the same picture" in doubt.reason
