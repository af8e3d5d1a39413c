import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from properties import examples
from saggar.dataset import leakage
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.duplicates.perceptual import look_alike, perceptual_hash, thumbnail
from saggar.duplicates.search import POSSIBLE_BITS, SURE_BITS, close_pairs, close_pairs_between, pack
from saggar.errors import InvalidInputError
from saggar.kilnsim import render, sample_collection
from saggar.store import DirectoryStore, put_image
from saggar.stored_datasets import with_hashes


def bits_of(hashes):
    return np.array([[int(c) for c in f"{int(h, 16):0256b}"] for h in hashes])


def all_close(hashes, most_bits):
    """Independent of the code under test: pairs by comparing bits one by one."""
    bits = bits_of(hashes)
    return {
        (i, j, int((bits[i] != bits[j]).sum()))
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (bits[i] != bits[j]).sum() <= most_bits
    }


@st.composite
def families(draw):
    """Hashes in families whose members differ from the first in a few bits."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    made = []
    for _ in range(draw(st.integers(0, 6))):
        parent = rng.integers(0, 2, 256)
        for _ in range(draw(st.integers(1, 5))):
            child = parent.copy()
            flips = rng.choice(256, size=int(rng.integers(0, 30)), replace=False)
            child[flips] ^= 1
            made.append(np.packbits(child).tobytes().hex())
    return made


@examples(60)
@given(families(), st.integers(0, 40))
def test_every_close_pair_is_found_and_no_other(hashes, most_bits):
    found = close_pairs(pack(hashes), most_bits)
    assert {tuple(map(int, pair)) for pair in found} == all_close(hashes, most_bits)


@examples(60)
@given(families(), st.integers(0, 15), st.integers(1, 3))
def test_bands_find_every_close_pair_between_groups(hashes, most_bits, groups):
    group = np.arange(len(hashes), dtype=np.int64) % groups
    found = {tuple(map(int, pair)) for pair in close_pairs_between(pack(hashes), group, most_bits)}
    expected = {pair for pair in all_close(hashes, most_bits) if group[pair[0]] != group[pair[1]]}
    assert found <= expected
    # of equal hashes one a group stands for all
    by_hash = {(hashes[i], hashes[j], group[i], group[j]) for i, j, _ in expected}
    assert {(hashes[i], hashes[j], group[i], group[j]) for i, j, _ in found} | {
        (hashes[j], hashes[i], group[j], group[i]) for i, j, _ in found
    } >= by_hash


def test_what_is_no_hash_is_named():
    with pytest.raises(InvalidInputError, match="'abc' is not a perceptual hash of 64"):
        pack(["0" * 64, "abc"])


@pytest.fixture(scope="module")
def pictures():
    """Drawn pots of different shapes."""
    pieces = sample_collection(60, seed=3)
    return [Image.fromarray(render(piece, 128, 0)) for piece in pieces[:40]]


def again(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return Image.open(out).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [
        lambda i: again(i, "JPEG", quality=75),
        lambda i: again(i, "WEBP", quality=80),
        lambda i: i.resize((i.width * 3, i.height * 3)),
        lambda i: i.resize((i.width // 2, i.height // 2), Image.Resampling.LANCZOS),
        lambda i: ImageEnhance.Brightness(i).enhance(0.8),
        lambda i: i.convert("L").convert("RGB"),
    ],
    ids=["jpeg", "webp", "larger", "smaller", "darker", "grey"],
)
def test_one_photograph_in_other_forms_is_known(pictures, change):
    before = pack([perceptual_hash(image) for image in pictures])
    after = pack([perceptual_hash(change(image)) for image in pictures])
    distances = np.bitwise_count(before ^ after).sum(axis=1)
    joined = [
        bits <= SURE_BITS or (bits <= POSSIBLE_BITS and look_alike(thumbnail(i), thumbnail(change(i))))
        for bits, i in zip(distances, pictures, strict=True)
    ]
    assert np.median(distances) <= SURE_BITS
    assert sum(joined) >= 0.95 * len(joined)


def test_different_pots_are_far_apart(pictures):
    hashes = pack([perceptual_hash(image) for image in pictures])
    assert not len(close_pairs(hashes, POSSIBLE_BITS))


def test_colours_and_structure_tell_lookalikes_apart(pictures):
    image = pictures[0]
    red, green, blue = image.split()
    other_glaze = Image.merge("RGB", (red.point(lambda v: v // 2), green, blue))
    assert not look_alike(thumbnail(image), thumbnail(other_glaze))
    assert not look_alike(thumbnail(image), thumbnail(ImageOps.mirror(image.rotate(20))))
    flat = Image.new("RGB", (64, 64), "grey")
    assert not look_alike(thumbnail(image), thumbnail(flat))


def test_a_flat_picture_has_no_hash():
    assert perceptual_hash(Image.new("RGB", (300, 200), (9, 200, 30))) is None


def record(number, split, phash, origin="real", **more):
    return Record(
        f"images/{number}.png", f"object-{number}", {"glaze": "white"}, split, origin, source=f"{number}.png",
        phash=phash, **more,
    )  # fmt: skip


def near(phash, bits):
    return f"{int(phash, 16) ^ ((1 << bits) - 1):064x}"


FIRST = np.random.default_rng(1).bytes(32).hex()


def test_near_duplicates_across_splits_are_a_leak_and_named():
    rows = [
        record(1, "train", FIRST),
        record(2, "test", near(FIRST, SURE_BITS)),
        record(3, "validation", near(FIRST, 60)),
        record(4, "test", None),
    ]
    with pytest.raises(InvalidInputError) as caught:
        leakage.check(Manifest.from_records(rows, ["glaze"]))
    text = str(caught.value)
    assert "1 pair, e.g. 1.png in train and 2.png in test (11 of 256 bits differ)" in text
    assert [violation.field for violation in caught.value.violations] == ["phash"]


def test_near_duplicates_within_a_split_or_without_one_are_no_leak():
    rows = [
        record(1, "train", FIRST),
        record(2, "train", FIRST),
        record(3, "test", near(FIRST, SURE_BITS + 1)),
        record(4, None, FIRST),
    ]
    leakage.check(Manifest.from_records(rows, ["glaze"]))


def test_synthetic_images_near_evaluation_photographs_are_found():
    real = Manifest.from_records(
        [record(1, "train", FIRST), record(2, "test", near(FIRST, 100)), record(3, "validation", None)],
        ["glaze"],
    )
    made = Manifest.from_records(
        [
            record(5, None, near(FIRST, 101), "synthetic"),
            record(6, None, near(FIRST, 3), "synthetic"),  # a copy of a training photograph: qc's business
            record(7, None, None, "synthetic"),
            record(8, None, near(FIRST, 101), "synthetic"),
        ],
        ["glaze"],
    )
    assert leakage.near_evaluation(made, real).tolist() == [True, False, False, True]
    assert leakage.near_evaluation(made.take(np.array([], np.intp)), real).tolist() == []


def test_hashes_are_added_where_they_are_missing(pictures, tmp_path):
    store = DirectoryStore(tmp_path)
    out = io.BytesIO()
    pictures[0].save(out, "PNG")
    key = put_image(store, out.getvalue(), "png").key
    rows = [Record(key, "a", {}), Record(key, "b", {}, phash=FIRST), Record("gone.png", "c", {}, phash=FIRST)]
    manifest = Manifest.from_records(rows, ["glaze"])
    hashed = with_hashes(store, manifest)
    assert hashed.frame["phash"].tolist() == [perceptual_hash(pictures[0]), FIRST, FIRST]
    assert with_hashes(store, hashed) == hashed
    assert Manifest.from_parquet(hashed.to_parquet()) == hashed


def test_manifests_from_before_the_hash_are_read():
    manifest = Manifest.from_records([record(1, "train", None)], ["glaze"])
    assert Manifest(manifest.frame.drop(columns="phash"), manifest.tasks) == manifest


def test_a_hundred_thousand_photographs_are_checked_in_seconds():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, (100_000, 4), dtype=np.int64).view(np.uint64)
    hashes[90_000] = hashes[10] ^ np.uint64(1)
    splits = rng.integers(0, 3, len(hashes))
    splits[[10, 90_000]] = [0, 2]
    found = close_pairs_between(hashes, splits)
    assert found.tolist() == [[10, 90_000, 4]]
