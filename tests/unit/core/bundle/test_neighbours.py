"""The pieces that are most like a photograph."""

import sys

import numpy as np
import pytest
from saggar.bundle import Neighbours, make_neighbours, neighbours
from saggar.bundle.neighbour_index import build_index
from saggar.bundle.neighbours import ABOUT
from saggar.errors import DataCorruptionError, InvalidInputError
from sklearn.neighbors import NearestNeighbors

CODES = {"glaze": ("White", "Black"), "type": ("Bowl", "Vase", "Dish")}


def key(number: int) -> str:
    return f"images/{number:02x}/{number:02x}{'0' * 62}.jpg"


def some(count: int, width: int = 24, seed: int = 0, **changes: list[str]) -> tuple[np.ndarray, Neighbours]:
    """Features of `count` photographs, and neighbours made of them."""
    rng = np.random.default_rng(seed)
    features = rng.gamma(1.0, size=(count, width)).astype(np.float32)
    labels = {"glaze": rng.integers(-1, 2, count), "type": rng.integers(-1, 3, count)}
    about = {name: [f"{name} {i}" for i in range(count)] for name in ABOUT}
    about["image"] = [key(i) for i in range(count)]
    return features, make_neighbours(features, labels, about | changes)


def test_they_are_those_that_an_independent_search_finds() -> None:
    features, found = some(200)
    queries = np.random.default_rng(1).gamma(1.0, size=(20, 24)).astype(np.float32)
    distances, rows = NearestNeighbors(n_neighbors=7, metric="cosine").fit(features).kneighbors(queries)
    nearest = found.nearest(queries, CODES, 7)
    similarity = np.array([[one.similarity for one in row] for row in nearest])
    np.testing.assert_allclose(similarity, 1 - distances, atol=2e-3)  # kept in 16 bits
    names = np.array([[one.object_id for one in row] for row in nearest])
    assert (names == [[f"object_id {number}" for number in row] for row in rows]).mean() > 0.95
    for row in nearest:
        assert [one.similarity for one in row] == sorted((one.similarity for one in row), reverse=True)


def test_a_photograph_finds_itself_first_with_all_that_is_known_of_it() -> None:
    features, found = some(30)
    ((first, *_),) = found.nearest(features[12:13] * 7, CODES)  # the length of features does not count
    assert first.image == key(12)
    assert first.sha256 == "0c" + "0" * 62
    assert (first.object_id, first.source, first.credit_line) == ("object_id 12", "source 12", "credit_line 12")
    assert first.similarity == pytest.approx(1, abs=1e-3)
    expected = {task: None if v[12] == -1 else CODES[task][v[12]] for task, v in found.labels.items()}
    assert first.labels == expected


def test_a_piece_is_named_once_however_many_photographs_there_are_of_it() -> None:
    features, found = some(30, object_id=[f"piece {i // 5}" for i in range(30)])
    (row,) = found.nearest(features[:1], CODES, 6)
    assert len({one.object_id for one in row}) == len(row) == 6
    assert row[0].image == key(0)
    _, unnamed = some(30, object_id=[""] * 30)
    assert len(unnamed.nearest(features[:1], CODES, 6)[0]) == 6
    assert len(found.nearest(features[:1], CODES, 100)[0]) == 6


def test_a_photograph_that_occurs_twice_is_kept_once() -> None:
    _, found = some(6, image=[key(0), key(1), key(0), key(2), key(1), key(3)])
    assert list(found.about["image"]) == [key(0), key(1), key(2), key(3)]
    assert list(found.about["object_id"]) == ["object_id 0", "object_id 1", "object_id 3", "object_id 5"]
    assert len(found.labels["type"]) == len(found) == 4


def test_they_are_read_as_they_were_written() -> None:
    features, found = some(50, source=["瓷/图 1.jpg"] * 50)
    data = found.to_bytes()
    assert data == some(50, source=["瓷/图 1.jpg"] * 50)[1].to_bytes()
    again = Neighbours.from_bytes(data, "x")
    assert again.features.dtype == np.float16
    assert again.nearest(features[:3], CODES) == found.nearest(features[:3], CODES)


@pytest.mark.parametrize("damage", ["nothing", "half", "rows", "about"])
def test_what_is_damaged_is_refused(damage: str) -> None:
    _, found = some(5)
    data = found.to_bytes()
    if damage == "rows":
        data = Neighbours(found.features[:4], found.labels, found.about).to_bytes()
    elif damage == "about":
        data = data.replace(b'"source":', b'"sauces":')
    else:
        data = b"" if damage == "nothing" else data[: len(data) // 2]
    with pytest.raises(DataCorruptionError, match=r"x: not neighbours of a bundle"):
        Neighbours.from_bytes(data, "x")


def test_features_of_another_network_are_refused() -> None:
    _, found = some(5)
    with pytest.raises(InvalidInputError, match=r"take \[M, 24\]"):
        found.nearest(np.ones((1, 25), np.float32), CODES)
    with pytest.raises(InvalidInputError, match="ask for 1 or more"):
        found.nearest(np.ones((1, 24), np.float32), CODES, 0)


def test_many_photographs_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    features, found = some(50)
    whole = found.nearest(features[:4], CODES)
    monkeypatch.setattr(neighbours, "_IN_MEMORY", 10)
    monkeypatch.setattr(neighbours, "_CHUNK", 7)
    for one, other in zip(whole, found.nearest(features[:4], CODES), strict=True):
        assert [n.image for n in one] == [n.image for n in other]
        np.testing.assert_allclose([n.similarity for n in one], [n.similarity for n in other], atol=1e-6)


@pytest.mark.parametrize("installed", [True, False])
def test_an_index_finds_what_comparing_with_all_finds(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if installed:
        pytest.importorskip("usearch")
    features, found = some(2000, seed=3)
    index = build_index(found.features) if installed else b"made where usearch is installed"
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 100)
    if not installed:
        monkeypatch.setitem(sys.modules, "usearch.index", None)
        assert build_index(found.features) is None
    indexed = Neighbours.from_bytes(found.to_bytes(), "x", index)
    one, other = found.nearest(features[:50], CODES, 3), indexed.nearest(features[:50], CODES, 3)
    agreed = np.mean([a.image == b.image for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)])
    assert agreed == 1 if not installed else agreed > 0.95


def test_the_index_of_the_same_photographs_has_the_same_bytes() -> None:
    pytest.importorskip("usearch")
    _, found = some(3000, seed=5)
    assert build_index(found.features) == build_index(found.features.copy())
