"""Each rule alone: what it rejects, what it lets pass at its threshold, and what it says."""

import dataclasses

import numpy as np
import pytest
from saggar.errors import InvalidInputError
from saggar.job_settings.messages import from_message
from saggar.job_settings.reject_reasons import Reason
from saggar.job_settings.screening import ScreenSettings
from saggar.taxonomy import Taxonomy
from saggar.v1 import qc_pb2
from saggar_qc.picture.copies import PictureIndex
from saggar_qc.picture.picture import Picture
from saggar_qc.picture.turning import Match
from saggar_qc.screening import rules
from saggar_qc.screening.limits import MEASURES, Limit
from saggar_qc.screening.rejection import Rejection

RANDOM = np.random.default_rng(0)
THUMBNAIL = RANDOM.integers(0, 256, (32, 32, 3), dtype=np.uint8)
GOOD = Picture(
    width_px=64,
    height_px=64,
    opaque=True,
    values={"luminance_sd": 40.0, "entropy_bits": 6.5, "sharpness": 100.0},
    colour=None,
    form=None,
    texture=None,
    pixels_sha256="ab" * 32,
    phash="0" * 63 + "b",
    mirrored_phash="f" * 64,
    thumbnail=THUMBNAIL,
    grey=np.zeros((96, 96), dtype=np.uint8),
)
DEFAULTS = ScreenSettings()


def like(**changes: object) -> Picture:
    return dataclasses.replace(GOOD, **changes)


def measuring(**values: float) -> Picture:
    return like(values=dict(GOOD.values) | values)


def other(seed: int = 1, **changes: object) -> Picture:
    """A picture that looks like nothing else."""
    random = np.random.default_rng(seed)
    phashes = [random.bytes(32).hex() for _ in range(2)]
    return like(**{
        "pixels_sha256": random.bytes(32).hex(), "phash": phashes[0], "mirrored_phash": phashes[1],
        "thumbnail": random.integers(0, 256, (32, 32, 3), dtype=np.uint8),
    } | changes)  # fmt: skip


def index(*pictures: tuple[Picture, str]) -> PictureIndex:
    filled = PictureIndex()
    for picture, name in pictures:
        filled.add(picture, name)
    return filled


def test_a_good_picture_passes_every_rule():
    strangers = index((other(), "other"))
    assert rules.rejects_undecodable(None) is None
    assert rules.rejects_size(GOOD, DEFAULTS) is None
    assert rules.rejects_other_size(GOOD, 64, 64) is None
    assert rules.rejects_transparency(GOOD) is None
    assert rules.rejects_flatness(GOOD, DEFAULTS) is None
    assert rules.rejects_entropy(GOOD, DEFAULTS) is None
    assert rules.rejects_blur(GOOD, DEFAULTS, 100.0) is None
    assert rules.rejects_duplicate(GOOD, DEFAULTS, strangers) is None
    assert rules.rejects_training_copy(GOOD, DEFAULTS, strangers) is None


def test_an_image_that_cannot_be_decoded_keeps_the_decoders_words():
    rejection = rules.rejects_undecodable("p-7: the image is truncated")
    assert rejection == Rejection(Reason.UNDECODABLE, "p-7: the image is truncated")


def test_the_shorter_side_decides():
    assert rules.rejects_size(like(width_px=500, height_px=32), DEFAULTS) is None
    rejection = rules.rejects_size(like(width_px=500, height_px=31), DEFAULTS)
    assert rejection == Rejection(Reason.TOO_SMALL, "500 x 31 pixels; the shorter side needs 32")


def test_the_size_is_the_manifests_where_it_tells_one():
    assert rules.rejects_other_size(GOOD, 0, 0) is None
    rejection = rules.rejects_other_size(GOOD, 128, 128)
    assert rejection == Rejection(Reason.WRONG_SIZE, "64 x 64 pixels; the manifest says 128 x 128")


def test_transparent_pixels_are_rejected():
    rejection = rules.rejects_transparency(like(opaque=False))
    assert rejection is not None
    assert rejection.reason == Reason.TRANSPARENT


@pytest.mark.parametrize(
    ("rule", "name", "limit", "reason"),
    [
        (rules.rejects_flatness, "luminance_sd", 4.0, Reason.FLAT),
        (rules.rejects_entropy, "entropy_bits", 2.0, Reason.LOW_ENTROPY),
    ],
)
def test_flatness_and_entropy_reject_below_their_limit_only(rule, name, limit, reason):
    assert rule(measuring(**{name: limit}), DEFAULTS) is None
    rejection = rule(measuring(**{name: limit - 0.01}), DEFAULTS)
    assert rejection.reason == reason
    assert f"{limit - 0.01:.2f}" in rejection.detail


def test_blur_is_relative_to_the_reference():
    assert rules.rejects_blur(GOOD, DEFAULTS, 5000.0) is None  # 0.02 of it
    rejection = rules.rejects_blur(GOOD, DEFAULTS, 5001.0)
    assert rejection is not None
    assert rejection.reason == Reason.BLURRED
    assert "0.0200" in rejection.detail


def test_a_reference_without_any_detail_makes_nothing_blurred():
    assert rules.rejects_blur(measuring(sharpness=0.0), DEFAULTS, 0.0) is None


def test_equal_pixels_are_a_duplicate_of_the_first():
    earlier = index((GOOD, "prompt-1"), (GOOD, "prompt-2"))
    rejection = rules.rejects_duplicate(GOOD, DEFAULTS, earlier)
    assert rejection == Rejection(Reason.DUPLICATE, "same pixels as prompt-1")


def test_near_duplicates_by_distance():
    near = other(phash="0" * 63 + "8")  # two bits from GOOD
    earlier = index((near, "prompt-1"))
    assert rules.rejects_duplicate(GOOD, ScreenSettings(duplicate_distance_bits=1), earlier) is None
    rejection = rules.rejects_duplicate(GOOD, ScreenSettings(duplicate_distance_bits=2), earlier)
    assert rejection == Rejection(Reason.NEAR_DUPLICATE, "perceptual hash is 2 bits from prompt-1")


def test_beyond_the_sure_distance_the_pictures_must_look_alike():
    far = "0" * 59 + "ffff" + "b"  # 16 bits from GOOD
    assert rules.rejects_duplicate(GOOD, DEFAULTS, index((other(phash=far), "p"))) is None
    found = rules.rejects_duplicate(GOOD, DEFAULTS, index((other(phash=far, thumbnail=THUMBNAIL), "p")))
    assert found == Rejection(Reason.NEAR_DUPLICATE, "perceptual hash is 16 bits from p")


def test_of_many_that_are_possible_the_one_that_looks_alike_is_named():
    """Flat pictures have no hash and no thumbnail in the index: positions must not be mixed up."""
    far = "0" * 59 + "ffff" + "b"
    flat = like(phash=None, pixels_sha256="01" * 32)
    earlier = index(
        (flat, "flat"), (other(2, phash=far), "strange"), (other(3, phash=far, thumbnail=THUMBNAIL), "alike")
    )
    found = rules.rejects_duplicate(GOOD, DEFAULTS, earlier)
    assert found is not None
    assert found.detail.endswith("from alike")


def test_mirrored_copies_are_found():
    mirrored = other(phash=GOOD.mirrored_phash, thumbnail=THUMBNAIL[:, ::-1])
    rejection = rules.rejects_training_copy(GOOD, DEFAULTS, index((mirrored, "training image a.jpg")))
    assert rejection is not None
    assert rejection.reason == Reason.TRAINING_COPY
    assert rejection.detail == "perceptual hash of its mirror image is 0 bits from training image a.jpg"


def test_with_labels_asked_for_only_those_that_bear_them_count():
    near = like(pixels_sha256="cd" * 32, phash="0" * 63 + "c")  # 2 bits away
    earlier = PictureIndex()
    earlier.add(near, "celadon", "Song, Celadon, Bowl")
    earlier.add(other(), "white", "Song, White, Bowl")
    for rule, reason in (
        (rules.rejects_duplicate, Reason.NEAR_DUPLICATE),
        (rules.rejects_training_copy, Reason.TRAINING_COPY),
    ):
        assert rule(GOOD, DEFAULTS, earlier, "Song, White, Bowl") is None
        assert rule(GOOD, DEFAULTS, earlier, "Song, Celadon, Bowl").reason == reason
        assert rule(GOOD, DEFAULTS, earlier).reason == reason
        same_pixels = like(pixels_sha256=near.pixels_sha256)
        assert rule(same_pixels, DEFAULTS, earlier, "Song, White, Bowl") is not None  # nothing was changed


def test_training_copies_name_the_photograph():
    exact = rules.rejects_training_copy(GOOD, DEFAULTS, index((GOOD, "training image bowl.jpg")))
    assert exact == Rejection(Reason.TRAINING_COPY, "same pixels as training image bowl.jpg")
    part = rules.rejects_detail_of_training("bowl.jpg", Match(0.97, 0.91, 12.2, 1.0, mirrored=True), 0.88)
    assert part is not None
    assert part.reason == Reason.TRAINING_COPY
    assert "mirrored" in part.detail
    assert "bowl.jpg" in part.detail
    assert rules.rejects_detail_of_training("bowl.jpg", Match(0.99, 0.87), 0.88) is None


def test_limits_tell_their_quantile_and_pass_what_was_not_measured():
    blur = next(m for m in MEASURES if m.name == "sharpness")
    light = next(m for m in MEASURES if m.name == "light" and m.high)
    limits = (Limit(blur, 10.0, 3, 500), Limit(light, 90.0, 4, 500))
    assert list(rules.beyond_limits({"sharpness": 10.0, "light": 90.0}, limits)) == []
    assert list(rules.beyond_limits({"light": float("nan")}, limits)) == []
    found = list(rules.beyond_limits({"sharpness": 9.9, "light": 90.1}, limits))
    assert [each.reason for each in found] == [Reason.BLURRED, Reason.EXPOSURE]
    assert found[0].detail.endswith("is 9.9, below 10; 3 of 500 reference photographs are")


def test_the_least_probable_intended_class_is_named():
    labels = {"glaze": "celadon", "type": "bowl"}
    asked = ScreenSettings(min_intended_probability=0.25)
    assert rules.rejects_improbable_class({"glaze": 0.25, "type": 0.9}, labels, asked) is None
    rejection = rules.rejects_improbable_class({"glaze": 0.2, "type": 0.1}, labels, asked)
    assert rejection is not None
    assert rejection.reason == Reason.IMPROBABLE_CLASS
    assert rejection.detail == "type: intended bowl has a probability of 0.100; at least 0.25 is needed"
    report_only = ScreenSettings(min_intended_probability=0)
    assert rules.rejects_improbable_class({"glaze": 0.0}, labels, report_only) is None


def test_combinations_are_judged_by_the_taxonomy():
    classes = [{"code": c, "names": {"en": c}, "phrase": c} for c in ("a", "b")]
    taxonomy = Taxonomy.model_validate({
        "id": "two", "title": "Two", "caption": ["{kiln} {glaze}"], "prompt": ["{kiln} {glaze}"],
        "tasks": [{"name": "kiln", "classes": classes}, {"name": "glaze", "classes": classes}],
        "sources": {"book": "A book"},
        "combinations": [{"labels": {"kiln": ["a"], "glaze": ["a"]}, "source": ["book"]}],
    })  # fmt: skip
    assert rules.rejects_combination({"kiln": "a", "glaze": "a"}, taxonomy) is None
    assert rules.rejects_combination({"kiln": "a", "glaze": "b"}, None) is None
    rejection = rules.rejects_combination({"kiln": "a", "glaze": "b"}, taxonomy)
    assert rejection == Rejection(Reason.IMPLAUSIBLE, "kiln a, glaze b: not among the known combinations of two")


def test_the_first_reason_counts_and_those_that_are_only_told_do_not():
    found = [Rejection(Reason.FRAME, "f"), Rejection(Reason.BLURRED, "b"), Rejection(Reason.FLAT, "flat")]
    assert rules.verdict(found, DEFAULTS) == found[2]
    told = ScreenSettings(report_only=(Reason.FLAT, Reason.BLURRED))
    assert rules.verdict(found, told) == found[0]
    assert rules.verdict([], DEFAULTS) is None


def test_the_index_finds_the_nearest_of_many():
    pictures = [other(seed) for seed in range(2_000)]  # the index grows
    filled = index(*((picture, str(i)) for i, picture in enumerate(pictures)))
    assert len(filled) == 2_000
    known = pictures[1500].phash
    assert known is not None
    near = f"{int(known, 16) ^ 0b101:064x}"
    found = filled.find(other(9_999, phash=near), 2)
    assert found is not None
    assert (found.name, found.distance_bits) == ("1500", 2)
    assert filled.find(other(9_999, phash=near), 1) is None
    assert PictureIndex().find(GOOD, 256) is None


def test_reasons_that_only_are_told_are_named_one_by_one_or_as_calibrated():
    told = rules.report_only(
        from_message(ScreenSettings, qc_pb2.ScreenSettings(report_only=["calibrated", "duplicate"])).report_only
    )
    assert {Reason.DUPLICATE, Reason.BLURRED, Reason.IMPROBABLE_CLASS, Reason.UNFAMILIAR} <= told
    assert not told & {Reason.UNDECODABLE, Reason.FLAT, Reason.TRAINING_COPY, Reason.IMPLAUSIBLE}
    assert rules.report_only(ScreenSettings().report_only) == frozenset()
    with pytest.raises(InvalidInputError, match=r"settings\.report_only: no reason 'ugly'; known: calibrated"):
        from_message(ScreenSettings, qc_pb2.ScreenSettings(report_only=["ugly"]))
