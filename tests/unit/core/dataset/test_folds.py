"""Splits in which every object is tested once, what is withheld and given back, and controls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset import leakage
from saggar.dataset.dividing.folds import sources, split_by_fold, split_by_source
from saggar.dataset.dividing.withhold import give_back, withhold
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.control import control
from saggar.errors import InvalidInputError

TASKS = ("glaze", "type")


def manifest(labels, photographs=1, **values):
    """One object per entry of `labels` ((glaze, type)), with so many photographs each."""
    records = [
        Record(
            image=f"images/{number:04d}-{shot}.png",
            object_id=f"o{number:04d}",
            labels=dict(zip(TASKS, codes, strict=True)),
            source=f"{('met', 'aic', 'cma')[number % 3]}/{number}-{shot}.jpg",
            **values,
        )
        for number, codes in enumerate(labels)
        for shot in range(photographs)
    ]
    return Manifest.from_records(records, TASKS)


MANY = [("White", "Bowl")] * 23 + [("Celadon", "Vase")] * 7 + [("White", "Vase")] * 4 + [("Celadon", "Bowl")]

labels = st.lists(
    st.tuples(st.sampled_from(["White", "Celadon", None]), st.sampled_from(["Bowl", "Vase", "Cup"])),
    min_size=6,
    max_size=60,
)


@examples(40)
@given(labels, st.integers(2, 6), st.integers(0, 5), st.integers(1, 3))
def test_every_object_is_tested_once_and_folds_are_alike(given_labels, folds, seed, photographs):
    data = manifest(given_labels, photographs)
    parts = [split_by_fold(data, folds, fold, seed) for fold in range(folds)]
    tested = [set(part.select(split="test").frame["object_id"]) for part in parts]
    assert set.union(*tested) == set(data.frame["object_id"])
    assert sum(map(len, tested)) == len(given_labels)  # once
    assert max(map(len, tested)) - min(map(len, tested)) <= 1
    for part in parts:
        leakage.check(part)
        assert set(part.frame["split"]) <= {"train", "validation", "test"}
    ids, combinations = data.combination_ids()
    for number in range(len(combinations)):
        objects = set(data.frame["object_id"][ids == number])
        spread = [len(objects & each) for each in tested]
        assert max(spread) - min(spread) <= 1  # label-aware


def test_folds_depend_on_the_seed_and_not_on_the_order_of_rows():
    data = manifest(MANY)
    shuffled = data.take(np.random.default_rng(0).permutation(len(data)))
    one, other = split_by_fold(data, 5, 2, 0), split_by_fold(shuffled, 5, 2, 0)
    assert dict(zip(one.frame["object_id"], one.frame["split"], strict=True)) == dict(
        zip(other.frame["object_id"], other.frame["split"], strict=True)
    )
    assert not one.frame["split"].equals(split_by_fold(data, 5, 2, 1).frame["split"])


def test_fewer_objects_than_folds_is_an_error_that_says_how_many_there_are():
    with pytest.raises(InvalidInputError, match="5 folds of 3 objects: a fold would be empty; choose 3 folds or fewer"):
        split_by_fold(manifest(MANY[:3]), 5, 0, 0)


def test_a_source_is_the_test_set_in_turn():
    data = manifest(MANY)
    part = split_by_source(data, "met", 0)
    assert set(sources(part.select(split="test"))) == {"met"}
    assert "met" not in set(sources(part.select(split=("train", "validation"))))
    assert len(part.select(split="validation"))
    leakage.check(part)
    with pytest.raises(
        InvalidInputError, match=r"no photograph comes from 'vam'; sources: aic \(12\), cma \(11\), met \(12\)"
    ):
        split_by_source(data, "vam", 0)


def test_the_source_is_the_host_of_the_objects_page_where_there_is_one():
    data = manifest(MANY[:2], object_url="https://www.clevelandart.org/art/1")
    assert set(sources(data)) == {"www.clevelandart.org"}
    assert list(sources(manifest(MANY[:1]).with_columns(source="a.jpg"))) == [""]


def test_withheld_photographs_come_back_in_order_and_no_class_is_lost():
    data = manifest(MANY, photographs=2).with_columns(split="train")
    left = withhold(data, 20, seed=1)
    assert len(data) - len(left) == 20
    for task in TASKS:
        assert set(left.counts(task)) == set(data.counts(task))
    some, all_ = give_back(left, data, 8, 20, 1), give_back(left, data, 20, 20, 1)
    assert (len(some) - len(left), len(all_)) == (8, len(data))
    assert set(left.frame["image"]) < set(some.frame["image"]) < set(all_.frame["image"])
    assert set(withhold(data, 10, 1).frame["image"]) > set(left.frame["image"])
    with pytest.raises(InvalidInputError, match="can be spared without losing a class"):
        withhold(data, len(data), 1)


@pytest.mark.parametrize("by", ["variants", "repeats"])
def test_a_control_matches_number_and_combinations(by):
    real = manifest(MANY).with_columns(split="train")
    made = manifest([("White", "Vase")] * 9 + [("Celadon", "Bowl")] * 3 + [("White", "Cup")] * 2)
    made = made.with_columns(split="train", origin="synthetic")
    matched, missing = control(real, made, by, seed=0)
    added = matched.take(np.arange(len(real), len(matched)))
    assert (len(added), missing) == (12, 2)  # no photograph of a white cup
    counts = added.frame.groupby(["label_glaze", "label_type"]).size().to_dict()
    assert counts == {("White", "Vase"): 9, ("Celadon", "Bowl"): 3}
    assert set(added.frame["origin"]) == ({"augmented"} if by == "variants" else {"real"})
    uses = added.frame[added.frame["label_type"] == "Vase"]["image"].value_counts()
    assert uses.max() - uses.min() <= 1  # spread evenly over the photographs
