"""Which photographs to label next: what the model is unsure of, no two alike; on the command line as a sheet."""

import csv
import json

import numpy as np
import pytest
from colour_bundle import TAXONOMY, colour_bundle
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.labelling.suggesting import ranked, uncertainty


def test_what_is_sure_waits_and_copies_of_what_is_taken_wait_longer():
    features = np.array([[1, 0, 0]] * 10 + [[0, 1, 0]] * 10 + [[0, 0, 1]] * 10, np.float32)
    unsure, sure = [0.5, 0.4, 0.1], [0.999, 0.0005, 0.0005]
    said = {"glaze": np.array([unsure] * 20 + [sure] * 10, np.float32)}
    first, second = ranked(said, features, 2)
    assert {first // 10, second // 10} == {0, 1}  # one of each kind that it is unsure of
    assert len(ranked(said, features, 30)) < 30  # a copy of what is taken teaches nothing


def test_distances_are_those_of_the_gradients_themselves():
    rng = np.random.default_rng(3)
    said = {name: rng.dirichlet(np.ones(classes), 12).astype(np.float32) for name, classes in (("a", 3), ("b", 4))}
    features = rng.normal(size=(12, 5)).astype(np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    gradients = []
    for row in range(12):
        parts = []
        for values in said.values():
            error = values[row] - np.eye(values.shape[1])[values[row].argmax()]
            parts.append(np.outer(error, [*unit[row], 1.0]).ravel())
        gradients.append(np.concatenate(parts))
    gradients = np.array(gradients)
    first = int(np.linalg.norm(gradients, axis=1).argmax())
    assert ranked(said, features, 1).tolist() == [first]
    draws = [ranked(said, features, 2, seed)[1] for seed in range(4000)]
    distance = np.minimum(((gradients - gradients[first]) ** 2).sum(1), (gradients**2).sum(1))
    distance[first] = 0
    assert np.bincount(draws, minlength=12) / 4000 == pytest.approx(distance / distance.sum(), abs=0.03)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_rows_are_different_and_the_same_again(photographs, count, seed):
    rng = np.random.default_rng(seed)
    said = {"glaze": rng.dirichlet(np.ones(4), photographs).astype(np.float32)}
    features = rng.normal(size=(photographs, 3)).astype(np.float32)
    rows = ranked(said, features, count, seed).tolist()
    assert len(rows) == len(set(rows)) <= min(count, photographs)
    assert rows == ranked(said, features, count, seed).tolist()


def test_uncertainty_is_the_mean_over_tasks():
    said = {"a": np.array([[0.9, 0.1]], np.float32), "b": np.array([[0.5, 0.5]], np.float32)}
    assert uncertainty(said).tolist() == pytest.approx([0.3])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = DirectoryStore(tmp_path / "home" / "store")
    rng, folder = np.random.default_rng(1), tmp_path / "new" / "box 3"
    folder.mkdir(parents=True)
    for number in range(12):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(folder / f"碗-{number}.png")
    return tmp_path, colour_bundle(store)[0]


def test_the_sheet_of_a_folder_takes_labels_and_is_imported(home, capsys):
    folder, model = home
    arguments = ["--home", str(folder / "home"), "data"]
    code = run([*arguments, "suggest", "new", "--model", model[:6], "--count", "5", "--html", "next.html", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (said["model"], said["photographs"], len(said["suggested"])) == (model, 12, 5)
    sheet = folder / "suggested.csv"
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [entry["image"] for entry in said["suggested"]]
    assert all(row[task] == "" for row in rows for task in TAXONOMY.task_names)
    assert (folder / "next.html").read_text(encoding="utf-8").count("<figure>") == 5
    for place, row in enumerate(rows):
        row |= {"glaze": ["Celadon", "White"][place % 2], "type": "Bowl"}
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    taxonomy = folder / "two.yaml"
    taxonomy.write_text(json.dumps(TAXONOMY.model_dump(mode="json", by_alias=True, exclude_none=True)), "utf-8")
    code = run([*arguments, "import", "new", "--labels", str(sheet), "--taxonomy", str(taxonomy)])
    assert code == 0, capsys.readouterr().err
    assert "5 photographs imported" in capsys.readouterr().out


def test_bad_files_are_all_named_and_the_rest_is_ranked(home, capsys):
    folder, model = home
    whole = (folder / "new" / "box 3" / "碗-3.png").read_bytes()
    (folder / "new" / "box 3" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "new" / "empty.jpg").write_bytes(b"")
    (folder / "new" / "page.jpg").write_bytes(b"<!doctype html><title>not found</title>")
    arguments = ["--home", str(folder / "home"), "data", "suggest", "new", "--model", model]
    assert run(arguments) == 1
    out, err = capsys.readouterr()
    assert "photographs of 12, the most instructive first" in out
    lines = [line for line in err.splitlines() if line.startswith(("box 3", "empty", "page"))]
    assert [line.partition(":")[0] for line in lines] == ["box 3/cut.png", "empty.jpg", "page.jpg"]
    assert err.endswith("error: 3 of 15 files could not be read\n")
    with (folder / "suggested.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} <= {f"box 3/碗-{number}.png" for number in range(12)}
    assert run([*arguments, "--output", "again.csv", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [one["image"] for one in said["unread"]] == ["box 3/cut.png", "empty.jpg", "page.jpg"]
    for path in (folder / "new" / "box 3").glob("碗*"):
        path.unlink()
    assert run([*arguments, "--output", "third.csv"]) == 2
    assert "none of the photographs can be read:\n" in capsys.readouterr().err
    assert not (folder / "third.csv").exists()


def test_labels_in_a_sheet_are_never_written_over(home, capsys):
    folder, model = home
    (folder / "suggested.csv").write_text("image,glaze\n", encoding="utf-8")
    assert run(["--home", str(folder / "home"), "data", "suggest", "new", "--model", model]) != 0
    assert "may hold labels" in capsys.readouterr().err


def test_without_a_model_it_says_how_to_name_one(home, capsys):
    folder, _ = home
    assert run(["--home", str(folder / "home"), "data", "suggest", "new"]) != 0
    assert "saggar models list" in capsys.readouterr().err
