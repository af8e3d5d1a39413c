"""kilnsim: the same arguments give the same pictures, and the two populations are what they claim to be."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from saggar.errors import AlreadyExistsError
from saggar.kilnsim import (
    CONFUSION_PAIRS,
    RARE_COMBINATIONS,
    Piece,
    collection_counts,
    render,
    sample_collection,
    sample_world,
    write_collection,
)
from saggar.kilnsim.pieces import DYNASTIES, GLAZES, KILNS, TYPES
from saggar.taxonomy import load_taxonomy

BOWL = Piece("Song", "Long", "Celadon", "Bowl", 7, "collection")


def test_draws_the_classes_of_its_taxonomy():
    taxonomy = load_taxonomy("kilnsim")
    drawn = {"dynasty": DYNASTIES, "kiln": KILNS, "glaze": GLAZES, "type": TYPES}
    assert {t.name: set(t.codes) for t in taxonomy.tasks} == {n: set(c) for n, c in drawn.items()}
    assert CONFUSION_PAIRS[0] == (("White", "Bowl"), ("IvoryW", "Bowl"))


@pytest.mark.parametrize("size", [32, 64, 97, 512])
def test_picture_has_the_size_asked_for(size):
    picture = render(BOWL, size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("size", [31, 513])
def test_refuses_other_sizes(size):
    with pytest.raises(ValueError, match="32 to 512"):
        render(BOWL, size)


@pytest.mark.parametrize("domain", ["collection", "world"])
def test_every_class_is_drawn_and_again_the_same(domain):
    for number, kind in enumerate(TYPES):
        for glaze, kiln in zip(GLAZES, KILNS[number:] + KILNS[:number], strict=True):
            piece = Piece(DYNASTIES[number % 2], kiln, glaze, kind, number, domain)
            picture = render(piece, 48)
            assert np.array_equal(picture, render(piece, 48))
            assert picture.std() > 4, f"{piece} is flat"


def test_another_seed_view_or_domain_is_another_picture():
    first = render(BOWL).astype(int)
    others = [
        render(Piece("Song", "Long", "Celadon", "Bowl", 8, "collection")),
        render(BOWL, view=1),
        render(Piece("Song", "Long", "Celadon", "Bowl", 7, "world")),
    ]
    for other in others:
        assert np.abs(first - other).mean() > 2


def test_a_larger_picture_shows_the_same_piece():
    small, large = render(BOWL, 64).astype(float), render(BOWL, 128).astype(float)
    halved = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(small - halved).mean() < 4


def test_world_is_greyer_in_collection():
    """The domains differ in style: museum backgrounds are nearly grey, the world's are not."""
    corner = {}
    for domain in ("collection", "world"):
        pieces = [Piece("Song", "Jing", "White", "Bowl", n, domain) for n in range(40)]
        patches = np.array([render(p, 32)[:4, :4].mean((0, 1)) for p in pieces])
        corner[domain] = np.ptp(patches, axis=1).mean()
    assert corner["world"] > 2 * corner["collection"]


def test_world_pictures_have_not_changed():
    """nano was trained on these pictures (training.json holds their hash): the world domain is frozen."""
    mean = [render(piece, 64).mean() for piece in sample_world(6, 1)]
    assert mean == pytest.approx(WORLD_MEANS, abs=0.05)


def test_world_never_holds_a_rare_pair_and_is_even():
    rare = {(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS}
    assert len(rare) == 9
    pieces = list(sample_world(5500, 3))
    pairs = Counter((p.glaze, p.type) for p in pieces)
    assert not rare & set(pairs)
    assert set(pairs.values()) == {100}
    assert {p.domain for p in pieces} == {"world"}
    assert min(Counter(p.kiln for p in pieces).values()) > 550
    assert pieces == list(sample_world(5500, 3))


def test_collection_has_a_long_tail():
    counts = collection_counts(1000)
    assert sum(counts.values()) == 1000
    sizes = Counter(counts.values())
    assert sizes[1] >= 4
    assert sizes[2] >= 5
    assert sum(sizes[n] for n in range(3, 10)) >= 10
    assert max(counts.values()) > 40
    assert all(1 <= counts[combination] <= 4 for combination in RARE_COMBINATIONS)
    rare = {(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS}
    others = [c for c in counts if c not in RARE_COMBINATIONS]
    assert not rare & {(glaze, kind) for _, _, glaze, kind in others}
    for task in range(4):
        per_class = Counter()
        for combination, count in counts.items():
            per_class[combination[task]] += count
        assert min(per_class.values()) >= 12
        assert len(per_class) == (2, 8, 8, 8)[task]


@pytest.mark.parametrize("count", [1, 40, 130, 131, 250, 3000])
def test_collection_of_any_size(count):
    pieces = sample_collection(count, 5)
    assert len(pieces) == count
    assert pieces == sample_collection(count, 5)
    assert len({p.seed for p in pieces}) == count


def test_written_collection(tmp_path):
    folder = tmp_path / "museum"
    table = write_collection(folder, 300, seed=1, size=32)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "object_id", "dynasty", "kiln", "glaze", "type"]
    assert len({row["object_id"] for row in rows}) == 300
    assert len(rows) > 300, "some objects have two photographs"
    assert any(row["kiln"] == "" for row in rows)
    assert {row["image"] for row in rows} == {f"images/{p.name}" for p in (folder / "images").iterdir()}
    with Image.open(folder / rows[0]["image"]) as picture:
        assert picture.size == (32, 32)
    before = _contents(folder)
    assert write_collection(folder, 300, seed=1, size=32) == table
    assert write_collection(tmp_path / "again", 300, seed=1, size=32)
    assert before == _contents(folder) == _contents(tmp_path / "again")


def test_never_overwrites_another_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AlreadyExistsError, match="not empty"):
        write_collection(tmp_path, 10, seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_an_interrupted_collection_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("saggar.kilnsim.collection.render", broken)
    with pytest.raises(OSError, match="disk full"):
        write_collection(tmp_path / "museum", 10, seed=1)
    assert list(tmp_path.iterdir()) == []


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WORLD_MEANS = [68.055, 110.39, 83.674, 77.297, 141.037, 142.363]
