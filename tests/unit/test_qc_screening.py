"""Each rule alone: what it rejects, what it lets pass at its threshold, and what it says."""

import dataclasses

import numpy as np
import pytest
from saggar.errors import InvalidInputError
from saggar.taxonomy import Taxonomy
from saggar_qc import screening
from saggar_qc.copies import PictureIndex
from saggar_qc.picture import Picture
from saggar_qc.screening import Reason, Thresholds

GOOD = Picture(
    width_px=64,
    height_px=64,
    luminance_sd=40.0,
    entropy_bits=6.5,
    sharpness=100.0,
    pixels_sha256="ab" * 32,
    perceptual_hash=0b1011,
)
LIMITS = Thresholds()

GLAZES = Taxonomy.model_validate(
    {
        "id": "glazes",
        "title": "Two glazes",
        "caption": ["{glaze} glaze"],
        "prompt": ["{glaze} glaze"],
        "tasks": [
            {
                "name": "glaze",
                "classes": [{"code": c, "names": {"en": c}, "phrase": c} for c in ("celadon", "white")],
            }
        ],
    }
)


def like(**changes: object) -> Picture:
    return dataclasses.replace(GOOD, **changes)


def index(*pictures: tuple[Picture, str]) -> PictureIndex:
    filled = PictureIndex()
    for picture, name in pictures:
        filled.add(picture, name)
    return filled


def test_a_good_picture_passes_every_rule():
    other = index((like(pixels_sha256="cd" * 32, perceptual_hash=~0b1011 & (2**64 - 1)), "other"))
    assert screening.rejects_undecodable(None) is None
    assert screening.rejects_size(GOOD, LIMITS) is None
    assert screening.rejects_flatness(GOOD, LIMITS) is None
    assert screening.rejects_entropy(GOOD, LIMITS) is None
    assert screening.rejects_blur(GOOD, LIMITS, 100.0) is None
    assert screening.rejects_duplicate(GOOD, LIMITS, other) is None
    assert screening.rejects_training_copy(GOOD, LIMITS, other) is None


def test_an_image_that_cannot_be_decoded_keeps_the_decoders_words():
    rejection = screening.rejects_undecodable("p-7: the image is truncated")
    assert rejection == screening.Rejection(Reason.UNDECODABLE, "p-7: the image is truncated")


def test_the_shorter_side_decides():
    assert screening.rejects_size(like(width_px=500, height_px=32), LIMITS) is None
    rejection = screening.rejects_size(like(width_px=500, height_px=31), LIMITS)
    assert rejection is not None
    assert rejection.reason == Reason.TOO_SMALL
    assert rejection.detail == "500 x 31 pixels; the shorter side needs 32"


@pytest.mark.parametrize(
    ("rule", "field", "limit", "reason"),
    [
        (screening.rejects_flatness, "luminance_sd", 4.0, Reason.FLAT),
        (screening.rejects_entropy, "entropy_bits", 2.0, Reason.LOW_ENTROPY),
    ],
)
def test_flatness_and_entropy_reject_below_their_limit_only(rule, field, limit, reason):
    assert rule(like(**{field: limit}), LIMITS) is None
    rejection = rule(like(**{field: limit - 0.01}), LIMITS)
    assert rejection.reason == reason
    assert f"{limit - 0.01:.2f}" in rejection.detail


def test_blur_is_relative_to_the_reference():
    assert screening.rejects_blur(GOOD, LIMITS, 5000.0) is None  # 0.02 of it
    rejection = screening.rejects_blur(GOOD, LIMITS, 5001.0)
    assert rejection is not None
    assert rejection.reason == Reason.BLURRED
    assert "0.0200" in rejection.detail


def test_a_reference_without_any_detail_makes_nothing_blurred():
    assert screening.rejects_blur(like(sharpness=0.0), LIMITS, 0.0) is None


def test_equal_pixels_are_a_duplicate_of_the_first():
    earlier = index((GOOD, "prompt-1"), (GOOD, "prompt-2"))
    rejection = screening.rejects_duplicate(GOOD, LIMITS, earlier)
    assert rejection == screening.Rejection(Reason.DUPLICATE, "same pixels as prompt-1")


def test_near_duplicates_by_distance():
    other = like(pixels_sha256="cd" * 32, perceptual_hash=0b1000)  # two bits from GOOD
    earlier = index((other, "prompt-1"))
    assert screening.rejects_duplicate(GOOD, Thresholds(duplicate_distance_bits=1), earlier) is None
    rejection = screening.rejects_duplicate(GOOD, Thresholds(duplicate_distance_bits=2), earlier)
    assert rejection is not None
    assert rejection.reason == Reason.NEAR_DUPLICATE
    assert rejection.detail == "perceptual hash is 2 bits from that of prompt-1"


def test_training_copies_name_the_photograph():
    exact = screening.rejects_training_copy(GOOD, LIMITS, index((GOOD, "bowl.jpg")))
    near = screening.rejects_training_copy(GOOD, LIMITS, index((like(pixels_sha256="cd" * 32), "bowl.jpg")))
    assert exact is not None
    assert near is not None
    assert exact.reason == near.reason == Reason.TRAINING_COPY
    assert exact.detail == "same pixels as training image bowl.jpg"
    assert near.detail == "perceptual hash is 0 bits from that of training image bowl.jpg"


def probabilities(celadon: float) -> dict[str, np.ndarray]:
    return {"glaze": np.array([celadon, 1 - celadon], dtype=np.float32)}


def test_the_intended_class_must_be_probable_enough():
    limits = Thresholds(min_intended_probability=0.25)
    labels = {"glaze": "celadon"}
    assert screening.rejects_improbable_class(labels, probabilities(0.25), GLAZES, limits) is None
    rejection = screening.rejects_improbable_class(labels, probabilities(0.125), GLAZES, limits)
    assert rejection is not None
    assert rejection.reason == Reason.IMPROBABLE_CLASS
    assert "intended celadon has a probability of 0.125 (white has 0.875)" in rejection.detail


def test_by_default_probabilities_are_reported_and_reject_nothing():
    assert screening.rejects_improbable_class({"glaze": "celadon"}, probabilities(0), GLAZES, LIMITS) is None


def test_unknown_labels_and_foreign_tasks_are_left_out():
    limits = Thresholds(min_intended_probability=1)
    for labels in ({"glaze": None}, {"kiln": "ru"}, {}):
        assert screening.rejects_improbable_class(labels, probabilities(0), GLAZES, limits) is None
        assert screening.intended_probabilities(labels, probabilities(0), GLAZES) == {}


def test_a_label_that_the_classifier_lacks_is_an_error():
    with pytest.raises(InvalidInputError, match="celadon, white"):
        screening.intended_probabilities({"glaze": "purple"}, probabilities(0.5), GLAZES)


def test_the_index_finds_the_nearest_of_many():
    random = np.random.default_rng(5)
    hashes = [int(value) for value in random.integers(0, 2**64, 3000, dtype=np.uint64)]  # grows twice
    filled = index(
        *((like(pixels_sha256=f"{i:064x}", perceptual_hash=h), str(i)) for i, h in enumerate(hashes))
    )
    assert len(filled) == 3000
    sought = like(perceptual_hash=hashes[2500] ^ 0b101)
    distances = [(h ^ sought.perceptual_hash).bit_count() for h in hashes]
    assert filled.find_near(sought, 64) == (str(int(np.argmin(distances))), min(distances)) == ("2500", 2)
    assert filled.find_near(sought, 1) is None
    assert filled.find_same(like(pixels_sha256=f"{1234:064x}")) == "1234"
    assert PictureIndex().find_near(sought, 64) is None
