from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset import leakage
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.mix import count_for_share, mix
from saggar.errors import InvalidInputError

TASKS = ("glaze",)


def _real(train: int, held_out: int = 2) -> Manifest:
    splits = ["train"] * train + ["validation", "test"] * (held_out // 2)
    rows = [Record(f"r{i}", f"r{i}", {"glaze": "white"}, split=s) for i, s in enumerate(splits)]
    return Manifest.from_records(rows, TASKS)


def _synthetic(white: int, black: int = 0) -> Manifest:
    codes = ["white"] * white + ["black"] * black
    rows = [Record(f"s{i}", f"s{i}", {"glaze": c}, origin="synthetic") for i, c in enumerate(codes)]
    return Manifest.from_records(rows, TASKS)


def _taken(mixed: Manifest) -> set[str]:
    return set(mixed.select(origin="synthetic").frame["image"])


@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 300), st.integers(0, 9))
@examples(25)
def test_a_count_is_added_to_training_alone(train, available, count, seed):
    real = _real(train)
    mixed, share = mix(real, _synthetic(available), count=count, seed=seed)
    taken = min(count, available)
    assert len(mixed) == len(real) + taken
    assert share == pytest.approx(taken / (train + taken))
    assert mixed.select(origin="real") == real
    assert set(mixed.select(origin="synthetic").frame["split"]) <= {"train"}
    leakage.check(mixed)


@given(st.integers(1, 500), st.floats(0, 0.9))
@examples(25)
def test_a_share_is_reached_to_within_one_image(train, share):
    mixed, reached = mix(_real(train), _synthetic(5000), share=share, seed=0)
    n = len(_taken(mixed))
    assert reached == pytest.approx(n / (n + train))

    assert abs(reached - share) <= 1 / (train + n)


def test_the_papers_shares():
    # 570 of 26,447 and 2,500 of 28,377 (paper): what was called 5 and 10 per cent
    assert count_for_share(570 / 26_447, 25_877) == 570
    assert count_for_share(2500 / 28_377, 25_877) == 2500


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9))
@examples(25)
def test_a_larger_mix_holds_the_smaller_one(small, more, seed):
    real, synthetic = _real(20), _synthetic(30, 30)
    first, _ = mix(real, synthetic, count=small, seed=seed)
    second, _ = mix(real, synthetic, count=small + more, seed=seed)
    assert _taken(first) <= _taken(second)


def test_combinations_keep_their_proportions():
    mixed, _ = mix(_real(10), _synthetic(90, 30), count=40, seed=3)
    assert Counter(mixed.select(origin="synthetic").frame["label_glaze"]) == {"white": 30, "black": 10}


def test_augmented_rows_are_part_of_the_training_set():
    real = _real(50)
    variants = [
        Record(f"r{i}", f"r{i}", {"glaze": "white"}, "train", "augmented", augmentation_seed=i) for i in range(40)
    ]
    mixed, share = mix(real.concat(Manifest.from_records(variants, TASKS)), _synthetic(50), share=0.1, seed=0)
    assert len(_taken(mixed)) == 10
    assert share == 0.1


def test_an_image_that_was_made_twice_is_taken_once():
    mixed, share = mix(_real(3), _synthetic(1).concat(_synthetic(1)), count=2, seed=0)
    assert len(_taken(mixed)) == 1
    assert share == 0.25


def test_refuses_what_would_spoil_the_evaluation():
    real = _real(4)
    spoilt = real.concat(Manifest.from_records([Record("x", "x", {}, "test", "synthetic")], TASKS))
    with pytest.raises(InvalidInputError, match="1 of 2 test images are augmented or synthetic"):
        mix(spoilt, _synthetic(3), count=1, seed=0)
    with pytest.raises(InvalidInputError, match="have no split; split it first"):
        mix(Manifest.from_records([Record("x", "x", {})], TASKS), _synthetic(3), count=1, seed=0)
    with pytest.raises(InvalidInputError, match="marked for validation or test"):
        mix(real, _synthetic(2).with_columns(split="test"), count=1, seed=0)
    with pytest.raises(InvalidInputError, match="6 of the 6 images to mix in are not synthetic"):
        mix(real, real, count=1, seed=0)
    mixed, _ = mix(real, _synthetic(3), count=1, seed=0)
    with pytest.raises(InvalidInputError, match="already holds 1 synthetic"):
        mix(mixed, _synthetic(3), count=1, seed=0)


@pytest.mark.parametrize("amount", [{}, {"count": 1, "share": 0.1}, {"count": -1}, {"share": 1.0}, {"share": -0.1}])
def test_refuses_an_unclear_amount(amount):
    with pytest.raises(InvalidInputError):
        mix(_real(2), _synthetic(2), **amount, seed=0)
