from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset import leakage
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.split import split
from saggar.errors import InvalidInputError

TASKS = ("glaze", "type")

# objects: label combination and number of photographs
objects = st.lists(
    st.tuples(st.sampled_from(["white", "black", None]), st.sampled_from(["bowl", "vase"]), st.integers(1, 3)),
    min_size=1,
    max_size=60,
)


def _manifest(rows: list[tuple[str | None, str | None, int]]) -> Manifest:
    return Manifest.from_records(
        [
            Record(f"image-{i}-{j}", f"object-{i}", {"glaze": glaze, "type": kind})
            for i, (glaze, kind, photographs) in enumerate(rows)
            for j in range(photographs)
        ],
        TASKS,
    )


def _places(manifest: Manifest) -> dict[str, str]:
    return dict(zip(manifest.frame["image"], manifest.frame["split"], strict=True))


@pytest.mark.parametrize(
    ("n", "train", "validation", "test"),
    [
        (1, 1, 0, 0),
        (2, 0, 1, 1),
        (3, 1, 1, 1),
        (4, 2, 1, 1),
        (9, 7, 1, 1),
        (10, 7, 2, 1),
        (20, 14, 4, 2),
        (100, 70, 20, 10),
        (1000, 700, 200, 100),
    ],
)
def test_sizes_follow_the_size_of_the_combination(n: int, train: int, validation: int, test: int):
    placed = split(_manifest([("white", "bowl", 1)] * n), seed=0)
    assert Counter(placed.frame["split"]) == Counter(train=train, validation=validation, test=test)


@given(objects, st.integers(0, 2**32))
@examples(25)
def test_every_object_has_one_split_and_every_combination_its_shares(rows, seed):
    placed = split(_manifest(rows), seed)
    leakage.check(placed)
    assert placed.frame["split"].notna().all()
    assert placed.frame.drop(columns="split").equals(_manifest(rows).frame.drop(columns="split"))
    by_object = placed.frame.drop_duplicates("object_id")
    sizes = Counter((glaze, kind) for glaze, kind, _ in rows)
    got: dict[tuple[str | None, str | None], Counter[str]] = {key: Counter() for key in sizes}
    for record, place in zip(Manifest(by_object, TASKS).records(), by_object["split"], strict=True):
        got[record.labels["glaze"], record.labels["type"]][place] += 1
    for key, n in sizes.items():
        held_out = (got[key]["validation"], got[key]["test"])
        if n == 1:
            assert held_out == (0, 0)
        elif n == 2:
            assert held_out == (1, 1)
        else:
            assert min(held_out) >= 1
            assert got[key]["train"] >= 1
            validation, test = (0.15, 0.15) if n < 10 else (0.20, 0.10)
            assert abs(held_out[0] - n * validation) < 1
            assert abs(held_out[1] - n * test) < 1


@given(objects, st.integers(0, 9), st.randoms())
@examples(25)
def test_depends_on_the_seed_and_not_on_the_order_of_rows(rows, seed, random):
    manifest = _manifest(rows)
    shuffled = list(manifest.records())
    random.shuffle(shuffled)
    assert _places(split(manifest, seed)) == _places(split(Manifest.from_records(shuffled, TASKS), seed))


def test_other_seeds_give_other_splits_and_the_same_sizes():
    manifest = _manifest([("white", "bowl", 1)] * 50)
    splits = [split(manifest, seed) for seed in range(5)]
    assert len({tuple(s.frame["split"]) for s in splits}) == 5
    assert all(Counter(s.frame["split"]) == Counter(splits[0].frame["split"]) for s in splits)


def test_an_object_with_different_labels_counts_where_most_is_known():
    rows = [
        Record("a1", "a", {"glaze": None, "type": "bowl"}),
        Record("a2", "a", {"glaze": "white", "type": "bowl"}),
    ]
    rows += [Record(f"b{i}", f"b{i}", {"glaze": "white", "type": "bowl"}) for i in range(2)]
    placed = split(Manifest.from_records(rows, TASKS), 0)  # three objects of one combination
    by_object = placed.frame.groupby("object_id")["split"].agg(set)
    assert sorted(next(iter(s)) for s in by_object) == ["test", "train", "validation"]


def test_refuses_made_images_and_shared_images():
    made = Manifest.from_records([Record("a", "a", {}, origin="synthetic")], TASKS)
    with pytest.raises(InvalidInputError, match="1 rows are augmented or synthetic; split the real"):
        split(made, 0)
    shared = [Record("a", "x", {}, source="1.jpg"), Record("a", "y", {}, source="2.jpg")]
    with pytest.raises(InvalidInputError, match=r"more than one object.* e.g. 1.jpg, 2.jpg"):
        split(Manifest.from_records(shared, TASKS), 0)


def test_an_empty_data_set_stays_empty():
    assert len(split(Manifest.from_records([], TASKS), 0)) == 0


def test_leakage_names_every_kind_of_leak():
    rows = [
        Record("a", "o1", {}, split="train"),
        Record("b", "o1", {}, split="test"),
        Record("c", "o2", {}, split="train"),
        Record("c", "o3", {}, split="validation"),
        Record("d", "o4", {}, split="test", origin="synthetic"),
        Record("e", "o5", {}, split="validation", origin="augmented", augmentation_seed=1),
    ]
    with pytest.raises(InvalidInputError) as caught:
        leakage.check(Manifest.from_records(rows, TASKS))
    assert [violation.field for violation in caught.value.violations] == ["object_id", "image", "origin"]
    assert "1 objects are in more than one split, e.g. o1 in test and train" in str(caught.value)
    assert "1 augmented in validation, 1 synthetic in test" in str(caught.value)
    leakage.check(Manifest.from_records(rows[:1], TASKS))
