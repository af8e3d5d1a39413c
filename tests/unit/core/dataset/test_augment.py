from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples
from saggar.dataset import leakage
from saggar.dataset.augment import apply_augmentation, expand_rare
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError

TASKS = ("glaze", "type")


def _manifest(sizes: list[int]) -> Manifest:
    rows = [
        Record(f"i{g}-{i}", f"o{g}-{i}", {"glaze": f"g{g}"}, split="train")
        for g, n in enumerate(sizes)
        for i in range(n)
    ]
    return Manifest.from_records(rows, TASKS)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 20), st.integers(0, 20))
@examples(25)
def test_rare_combinations_reach_the_target_and_others_stay(sizes, below, more):
    manifest = _manifest(sizes)
    expanded = expand_rare(manifest, below, below + more, seed=0)
    counts = Counter(expanded.frame["label_glaze"])
    for g, n in enumerate(sizes):
        assert counts[f"g{g}"] == (below + more if n < below else n)
    assert expanded.select(origin="real") == manifest
    variants = expanded.select(origin="augmented")
    used = Counter(variants.frame["image"])
    for g in range(len(sizes)):  # every photograph is varied equally often, give or take one
        times = [used[f"i{g}-{i}"] for i in range(sizes[g])]
        assert max(times) - min(times) <= 1
    assert variants.frame["augmentation_seed"].is_unique
    assert expand_rare(expanded, below, below + more, seed=0) == expanded
    leakage.check(expanded)


def test_only_known_training_combinations_are_expanded():
    rows = [
        Record("a", "a", {"glaze": "white"}, split="train"),
        Record("b", "b", {"glaze": "white"}, split="test"),
        Record("c", "c", {"glaze": "black"}, split="validation"),
        Record("d", "d", {}, split="train"),
    ]
    expanded = expand_rare(Manifest.from_records(rows, TASKS), 2, 3, seed=0)
    made = expanded.select(origin="augmented")
    assert list(made.frame["image"]) == ["a", "a"]
    assert set(made.frame["split"]) == {"train"}


def test_seeds_belong_to_photographs_not_to_their_order():
    manifest = _manifest([3, 2])
    backwards = manifest.take(np.arange(len(manifest))[::-1])

    def pairs(m: Manifest) -> set[tuple[str, int]]:
        made = expand_rare(m, 10, 10, seed=1).select(origin="augmented").frame
        return set(zip(made["image"], made["augmentation_seed"], strict=True))

    assert pairs(manifest) == pairs(backwards)
    other = expand_rare(manifest, 10, 10, seed=2).frame["augmentation_seed"].dropna()
    assert not set(other) & {seed for _, seed in pairs(manifest)}


def test_expanding_further_makes_no_variant_twice():
    once = expand_rare(_manifest([2]), 5, 5, seed=0)
    twice = expand_rare(once, 9, 9, seed=0)
    assert len(twice) == 9
    assert twice.frame["augmentation_seed"].dropna().is_unique
    whole = expand_rare(_manifest([2]), 9, 9, seed=0)
    assert set(twice.frame["augmentation_seed"].dropna()) == set(whole.frame["augmentation_seed"].dropna())


def test_refuses_what_makes_no_sense():
    with pytest.raises(InvalidInputError, match="1 <= below <= to"):
        expand_rare(_manifest([1]), 5, 4, seed=0)
    with pytest.raises(InvalidInputError, match="augment the real training images, then mix"):
        expand_rare(_manifest([1]).with_columns(origin="synthetic"), 5, 9, seed=0)


def _photograph() -> Image.Image:
    pixels = np.full((60, 80, 3), 200, dtype=np.uint8)
    pixels[20:50, 30:60] = (40, 90, 140)
    return Image.fromarray(pixels)


@given(st.integers(0, 2**63 - 1))
@examples(25)
def test_a_variant_is_decided_by_its_seed(seed):
    image = _photograph()
    first, second = apply_augmentation(image, seed), apply_augmentation(image, seed)
    assert first.size == image.size
    assert first.mode == "RGB"
    assert np.array_equal(np.asarray(first), np.asarray(second))


def test_variants_differ_and_leave_no_black_corners():
    image = _photograph()
    variants = [np.asarray(apply_augmentation(image, seed)).astype(int) for seed in range(40)]
    assert len({v.tobytes() for v in variants}) == 40
    assert min(int(v[corner].min()) for v in variants for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1))) > 100
    assert np.asarray(image).mean() == pytest.approx(np.mean([v.mean() for v in variants]), rel=0.1)


def test_a_tiny_or_grey_image_can_be_varied():
    for size in ((1, 1), (2, 300)):
        assert apply_augmentation(Image.new("L", size, 128), 7).size == size
