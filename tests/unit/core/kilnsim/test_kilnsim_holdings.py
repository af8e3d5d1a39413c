"""kilnsim's populations: a museum's long tail, balanced sets, the world; and the folders of them."""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples
from saggar.errors import AlreadyExistsError, InvalidInputError
from saggar.kilnsim import (
    CONFUSION_PAIRS,
    KILNSIM,
    RARE_COMBINATIONS,
    all_classes,
    classes_of,
    collection_counts,
    sample_balanced,
    sample_collection,
    sample_world,
    write_balanced,
    write_collection,
)
from saggar.kilnsim.__main__ import main
from saggar.kilnsim.png import encode_png
from saggar.taxonomy import load_taxonomy

TASKS = ("dynasty", "kiln", "glaze", "type")
RARE_PAIRS = {(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS}
FULL = all_classes()


@pytest.mark.parametrize(("name", "drawn"), [("kilnsim", KILNSIM), ("song-yuan-porcelain", FULL)])
def test_draws_the_classes_of_its_taxonomies(name, drawn):
    taxonomy = load_taxonomy(name)
    assert {t.name: set(t.codes) for t in taxonomy.tasks} == {n: set(c) for n, c in drawn.items()}
    assert classes_of(taxonomy) == {t.name: t.codes for t in taxonomy.tasks}
    assert CONFUSION_PAIRS[0] == (("White", "Bowl"), ("IvoryW", "Bowl"))


def test_refuses_a_taxonomy_that_it_cannot_draw():
    with pytest.raises(InvalidInputError, match="can't draw dynasty Tang, Jin, Ming, Qing"):
        classes_of(load_taxonomy("palace-visual"))
    taxonomy = load_taxonomy("kilnsim")
    task = taxonomy.task("type")
    strange = task.classes[0].model_copy(update={"code": "Flask"})
    odd = task.model_copy(update={"classes": (*task.classes, strange)})
    with pytest.raises(InvalidInputError, match="can't draw type Flask"):
        classes_of(taxonomy.model_copy(update={"tasks": (*taxonomy.tasks[:-1], odd)}))


def test_world_never_holds_a_rare_pair_and_is_even():
    pieces = list(sample_world(5500, 3))
    pairs = Counter((p.glaze, p.type) for p in pieces)
    assert not RARE_PAIRS & set(pairs)
    assert set(pairs.values()) == {100}
    assert {p.domain for p in pieces} == {"world"}
    assert min(Counter(p.kiln for p in pieces).values()) > 550
    assert pieces == list(sample_world(5500, 3))


def test_world_knows_none_of_the_collections_classes():
    pieces = list(sample_world(2000, 4))
    for task, codes in KILNSIM.items():
        assert {getattr(p, task) for p in pieces} == set(codes)


@pytest.mark.parametrize("classes", [KILNSIM, FULL], ids=["kilnsim", "full"])
def test_collection_has_a_long_tail(classes):
    counts = collection_counts(1200, classes)
    assert sum(counts.values()) == 1200
    sizes = Counter(counts.values())
    assert sizes[1] >= 4
    assert sizes[2] >= 5
    assert sum(sizes[n] for n in range(3, 10)) >= 10
    assert max(counts.values()) > 40
    assert all(1 <= counts[combination] <= 4 for combination in RARE_COMBINATIONS)
    others = [c for c in counts if c not in RARE_COMBINATIONS]
    assert not RARE_PAIRS & {(glaze, kind) for _, _, glaze, kind in others}
    for task in range(4):
        per_class = Counter()
        for combination, count in counts.items():
            per_class[combination[task]] += count
        assert set(per_class) == set(classes[TASKS[task]])
        assert min(per_class.values()) >= 5


@examples(40)
@given(count=st.integers(1, 3000), full=st.booleans(), seed=st.integers(0, 9))
def test_collection_of_any_size(count, full, seed):
    classes = FULL if full else KILNSIM
    pieces = sample_collection(count, seed, classes)
    assert len(pieces) == count
    assert len({p.seed for p in pieces}) == count
    wanted = Counter(collection_counts(count, classes))
    assert Counter((p.dynasty, p.kiln, p.glaze, p.type) for p in pieces) == wanted


@pytest.mark.parametrize("classes", [KILNSIM, FULL], ids=["kilnsim", "full"])
def test_balanced_sets_are_about_even_plausible_and_new(classes):
    pieces = sample_balanced(3400, 8, classes)
    assert len(pieces) == 3400
    assert pieces == sample_balanced(3400, 8, classes)
    for task in TASKS:
        counts = Counter(getattr(p, task) for p in pieces)
        even = 3400 / len(classes[task])
        assert set(counts) == set(classes[task])
        assert 0.55 * even < min(counts.values()) <= max(counts.values()) < 1.75 * even, counts
    assert not [p for p in pieces if p.kiln == "Jian" and p.glaze not in ("Black", "Brown")]
    jingdezhen = Counter(p.glaze for p in pieces if p.kiln == "Jing")
    assert jingdezhen["BlueW"] < 0.7 * jingdezhen.total(), "a kiln is more than its rarest glaze"
    seeds = {p.seed for p in pieces}
    assert seeds.isdisjoint(p.seed for p in sample_collection(3000, 8, classes))
    assert seeds.isdisjoint(p.seed for p in sample_balanced(3400, 9, classes))


@examples(20)
@given(count=st.integers(1, 2500), seed=st.integers(0, 99))
def test_balanced_set_of_any_size(count, seed):
    assert len(sample_balanced(count, seed)) == count


def test_written_collection(tmp_path):
    folder = tmp_path / "museum"
    table = write_collection(folder, 140, seed=1, size=32)
    rows = _rows(table)
    assert list(rows[0]) == ["image", "object_id", "dynasty", "kiln", "glaze", "type"]
    assert len({row["object_id"] for row in rows}) == 140
    assert len(rows) > 140, "some objects have two photographs"
    assert any(row["kiln"] == "" for row in rows)
    assert {row["image"] for row in rows} == {f"images/{p.name}" for p in (folder / "images").iterdir()}
    with Image.open(folder / rows[0]["image"]) as picture:
        assert picture.size == (32, 32)
    before = _contents(folder)
    assert write_collection(folder, 140, seed=1, size=32) == table
    assert write_collection(tmp_path / "again", 140, seed=1, size=32)
    assert before == _contents(folder) == _contents(tmp_path / "again")


def test_written_balanced_set(tmp_path):
    rows = _rows(write_balanced(tmp_path / "test", 60, seed=1, size=32, classes=FULL))
    assert len(rows) == len({row["object_id"] for row in rows}) == 60
    assert all(row[task] in FULL[task] for row in rows for task in TASKS)
    with pytest.raises(AlreadyExistsError, match="holds other pictures"):
        write_balanced(tmp_path / "test", 60, seed=1, size=32, classes=KILNSIM)


def test_never_overwrites_another_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AlreadyExistsError, match="not empty"):
        write_collection(tmp_path, 10, seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_wrong_folders_of_the_command_are_told(tmp_path, monkeypatch, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    for verb, place in (("collection", file), ("balanced", file / "below"), ("grid", file / "x.png")):
        more = ["--size", "32", *(["--columns", "1"] if verb == "grid" else ["--count", "2"])]
        monkeypatch.setattr("sys.argv", ["kilnsim", verb, str(place), *more])
        assert main() == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert file.read_text() == "mine"


def test_an_interrupted_collection_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("saggar.kilnsim.collection.render", broken)
    with pytest.raises(OSError, match="disk full"):
        write_collection(tmp_path / "museum", 10, seed=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (32, 32, 3), (150, 149, 3), (3, 700, 3)])
def test_png_holds_the_pixels(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), pixels)


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
