"""A table of doubted labels: written for people, read back, and followed exactly or not at all."""

import csv

import pytest
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError
from saggar.proposals.doubts.corrections import Decision, corrected, read_corrections
from saggar.proposals.doubts.table import COLUMNS, Doubt, Piece, write_doubts
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("kilnsim").narrowed(("glaze", "type"))
NAMES = {(task.name, entry.code): entry.names.en for task in TAXONOMY.tasks for entry in task.classes}
LABELS = {"glaze": "Celadon", "type": "Bowl"}


def doubt(image, task="type", proposed="Vase"):
    return Doubt(image, f"{image}.jpg", image, task, LABELS[task], proposed, 0.1, 0.8, by_model=True)


@pytest.fixture
def manifest():
    return Manifest.from_records([Record(f"i{n}", f"o{n}", dict(LABELS), source=f"i{n}.jpg") for n in range(6)], LABELS)


def decide(path, decisions):
    """Writes `decisions`, by row from 0, into the table's column; as Excel with semicolons."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for place, text in decisions.items():
        rows[place]["accept"] = text
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def follow(path, manifest, decisions, doubts=None):
    write_doubts(path, "d" * 16, doubts or [doubt(f"i{n}") for n in range(6)], NAMES)
    decide(path, decisions)
    dataset, read = read_corrections(path)
    assert dataset == "d" * 16
    return corrected(manifest, read, TAXONOMY, "doubts.csv")


def test_every_way_to_decide(tmp_path, manifest):
    decisions = {0: "accept", 1: "Reject", 2: " x ", 3: "洗", 4: "unknown"}  # 3: another class by its Chinese name
    found = follow(tmp_path / "doubts.csv", manifest, decisions)
    labels = [code if isinstance(code, str) else None for code in found.manifest.labels("type")]
    washer = next(entry.code for entry in TAXONOMY.task("type").classes if entry.names.zh_hans == "洗")
    assert labels == ["Vase", "Bowl", "Vase", washer, None, "Bowl"]
    assert list(found.manifest.labels("glaze")) == ["Celadon"] * 6
    assert (found.corrected, found.made_unknown, found.rejected, found.open) == (3, 1, 1, 1)
    assert str(found) == "3 labels corrected, 1 made unknown, 1 kept, 1 not decided"


def test_a_class_that_is_called_unknown_is_one(manifest):
    task = TAXONOMY.task("type")
    other = task.classes[-1].model_copy(update={"code": "Unknown"})
    tasks = tuple(
        each.model_copy(update={"classes": (*each.classes[:-1], other)}) if each == task else each
        for each in TAXONOMY.tasks
    )
    decision = Decision(2, "i0", "type", "Bowl", "Vase", "unknown")
    found = corrected(manifest, [decision], TAXONOMY.model_copy(update={"tasks": tasks}), "doubts.csv")
    assert found.manifest.labels("type").iloc[0] == "Unknown"


def test_what_cannot_be_followed_corrects_nothing_and_names_the_rows(tmp_path, manifest):
    with pytest.raises(InvalidInputError) as refused:
        follow(tmp_path / "doubts.csv", manifest, {0: "accept", 1: "accpt", 2: "teapotty"})
    text = str(refused.value)
    assert "nothing was corrected" in text
    assert "row 3, accept: 'accpt' is neither" in text
    assert "did you mean 'accept'?" in text
    assert "row 4, accept: 'teapotty'" in text


def test_two_rows_that_disagree_are_refused(tmp_path, manifest):
    doubts = [doubt("i0"), doubt("i0", proposed="Plate")]
    with pytest.raises(InvalidInputError, match="decides otherwise"):
        follow(tmp_path / "doubts.csv", manifest, {0: "accept", 1: "accept"}, doubts)


def test_a_table_of_an_earlier_state_is_refused_and_a_repeated_one_is_not(tmp_path, manifest):
    path = tmp_path / "doubts.csv"
    first = follow(path, manifest, {0: "accept"})
    again = corrected(first.manifest, read_corrections(path)[1], TAXONOMY, "doubts.csv")
    assert (again.corrected, again.there_already) == (0, 1)
    moved = manifest.with_columns(label_type=["Plate"] * 6)
    with pytest.raises(InvalidInputError, match="the label is Plate, not Bowl"):
        corrected(moved, read_corrections(path)[1], TAXONOMY, "doubts.csv")


def test_a_photograph_of_another_data_set_is_named(tmp_path, manifest):
    with pytest.raises(InvalidInputError, match="the data set has no image i9"):
        follow(tmp_path / "doubts.csv", manifest, {0: "accept"}, [doubt("i9")])


def test_another_csv_is_no_table_of_doubts(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("image,type\na.jpg,Bowl\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="is not a table of `saggar data doubts`"):
        read_corrections(path)
    path.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="has no row"):
        read_corrections(path)


def test_the_table_says_why_and_holds_no_formula(tmp_path):
    path = tmp_path / "doubts.csv"
    twin = Piece("i2", "=cmd()", "Plate")
    near = Piece("i3", "c.jpg", "", 0.876)
    odd = Doubt("i1", "=1+1", "o", "type", "Bowl", "Plate", None, None, by_model=False, twins=(twin,), nearest=(near,))
    write_doubts(path, "d" * 16, [odd], NAMES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["photograph"] == "'=1+1"
    assert row["nearly_the_same"] == "'=cmd() (Plate)"
    assert row["nearest"] == "c.jpg (unknown, 0.88)"
    assert row["reason"] == "nearly the same picture has another label"
    assert (row["probability_of_label"], row["label_name"]) == ("", "bowl")
