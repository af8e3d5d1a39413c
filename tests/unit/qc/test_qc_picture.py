"""Measurements of one image, against independent computations and known values."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from saggar_qc.picture.picture import Picture, artefacts, entropy_bits, measure, pixels_sha256


def scene(seed: int = 0, side: int = 96, grain: float = 6) -> Image.Image:
    """Soft blobs of colour with fine grain: a stand-in for a photograph."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray((soft + random.normal(0, grain, soft.shape)).clip(0, 255).astype(np.uint8))


def pot(box: tuple[int, int, int, int] = (34, 20, 94, 110), side: int = 128, seed: int = 0) -> Image.Image:
    """A brown ellipse before a grey ground that grows lighter, with grain."""
    random = np.random.default_rng(seed)
    ground = np.linspace(150, 200, side)[:, None, None] * np.ones((side, side, 3))
    image = Image.fromarray(ground.astype(np.uint8))
    ImageDraw.Draw(image).ellipse(box, fill=(120, 70, 40))
    noisy = np.asarray(image) + random.normal(0, 2, (side, side, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), dtype=np.float32)


def values(image: Image.Image, side_px: int = 256) -> dict[str, float]:
    return dict(measure(image, side_px).values)


def checkerboard(side: int) -> np.ndarray:
    return (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.float32)


def test_size_and_spread_of_an_image_of_two_halves():
    halves = np.zeros((40, 60, 3), dtype=np.uint8)
    halves[:, 30:] = 200
    picture = measure(Image.fromarray(halves), 256)
    assert (picture.width_px, picture.height_px) == (60, 40)
    assert picture.values["luminance_sd"] == pytest.approx(100)
    assert picture.values["entropy_bits"] == pytest.approx(1)


def test_entropy_is_zero_for_one_value_and_eight_bits_for_all_alike():
    assert entropy_bits(np.full((20, 20), 77, dtype=np.float32)) == 0
    assert entropy_bits(np.arange(256, dtype=np.float32).reshape(16, 16)) == pytest.approx(8)


def test_entropy_agrees_with_pillow():
    image = scene().convert("L")
    assert entropy_bits(grey(image)) == pytest.approx(image.entropy(), rel=1e-5)


def test_sharpness_of_a_checkerboard_has_a_closed_form():
    # Every inner pixel's Laplacian is +-4 * 255, half of them each way.
    assert artefacts.sharpness(checkerboard(34)) == pytest.approx((4 * 255) ** 2)


def test_sharpness_is_zero_without_detail_and_for_tiny_images():
    assert artefacts.sharpness(np.full((20, 20), 90, dtype=np.float32)) == 0
    assert artefacts.sharpness(checkerboard(2)) == 0
    assert artefacts.sharpness(np.tile(np.arange(0, 200, 2, dtype=np.float32), (50, 1))) == 0


def test_blur_lowers_sharpness_steadily():
    found = [artefacts.sharpness(grey(scene().filter(ImageFilter.GaussianBlur(radius)))) for radius in (0, 1, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert found[1] < 0.1 * found[0]
    assert found[-1] < 0.01 * found[0]


def test_sharpness_is_compared_at_one_scale():
    """An enlargement has no more detail than the original; only at a common size do both measure alike."""
    small = scene(side=64, grain=0)
    large = small.resize((256, 256), Image.Resampling.BICUBIC)
    assert values(large, 256)["sharpness"] < 0.3 * values(small, 256)["sharpness"]
    assert values(large, 64)["sharpness"] == pytest.approx(values(small, 64)["sharpness"], rel=0.3)


@pytest.mark.parametrize("sd", [3.0, 8.0])
def test_noise_is_measured_in_grey_levels(sd):
    flat = np.random.default_rng(1).normal(128, sd, (128, 128)).astype(np.float32)
    assert artefacts.noise(flat) == pytest.approx(sd, rel=0.05)


def test_blocks_are_seen_on_the_grid_of_jpeg_and_nowhere_else():
    strong = io.BytesIO()
    scene(side=128).save(strong, "JPEG", quality=5)
    blocky = grey(Image.open(strong))
    assert artefacts.blocks(grey(scene(side=128))) == pytest.approx(1, abs=0.1)
    assert artefacts.blocks(blocky) > 1.5
    assert artefacts.blocks(blocky[4:, 4:]) < 1  # the grid has moved


def test_the_outline_of_a_pot_is_told_from_a_shaded_ground():
    found = values(pot())
    assert found["object_share"] == pytest.approx(np.pi * 30 * 45 / 128**2, rel=0.1)
    assert found["off_centre_x"] == pytest.approx(0, abs=0.01)
    assert found["centre_y"] == pytest.approx(65 / 128, abs=0.01)
    assert found["edge_contact"] == 0
    assert found["second_share"] == 0


def test_a_pot_elsewhere_is_off_centre_and_one_beyond_the_edge_is_cut():
    assert values(pot((4, 20, 54, 100)))["off_centre_x"] == pytest.approx(0.5 - 29 / 128, abs=0.02)
    assert values(pot((-30, 60, 30, 110)))["edge_contact"] == pytest.approx(0.4, abs=0.05)


def test_two_pots_are_two():
    twice = Image.fromarray(np.hstack([np.asarray(pot()), np.asarray(pot())]))
    assert values(twice)["second_share"] > 0.9
    near = Image.fromarray(np.hstack([np.asarray(pot())[:, :93], np.asarray(pot())[:, 35:]]))
    assert values(near)["waist"] > 0.3  # grown together where they touch
    assert values(pot())["waist"] < 0.05


def test_a_ground_alone_has_no_object():
    picture = measure(pot((0, 0, 0, 0)), 256)
    assert picture.values["object_share"] == 0
    assert (picture.colour, picture.form, picture.texture) == (None, None, None)


def test_a_frame_a_seam_and_lettering_are_seen():
    plain = values(pot())
    framed = pot()
    ImageDraw.Draw(framed).rectangle((0, 0, 127, 127), outline=(20, 20, 20), width=6)
    assert values(framed)["frame"] > plain["frame"] + 20
    rolled = Image.fromarray(np.roll(np.asarray(pot()), 40, axis=0))
    assert values(rolled)["seam"] > plain["seam"] + 20
    lettered = pot()
    ImageDraw.Draw(lettered).text((4, 4), "SAMPLE 2024", fill=(0, 0, 0))
    found = values(lettered)
    assert found["overlay"] > 3 * plain["overlay"]
    assert found["stray_detail"] > 3 * plain["stray_detail"]


def test_colour_is_of_the_object_and_form_does_not_depend_on_place_and_size():
    def described(image: Image.Image) -> Picture:
        return measure(image, 256)

    one, other = described(pot()), described(pot((14, 30, 54, 90)))
    assert one.colour is not None
    assert one.colour[:3] == pytest.approx([35.6, 16.9, 25.7], abs=2)  # CIE Lab of (120, 70, 40)
    assert one.form is not None
    assert other.form is not None
    assert one.form[:8] == pytest.approx(other.form[:8], abs=0.05)


def test_pixel_hash_sees_pixels_and_not_files():
    image = scene()
    png = io.BytesIO()
    image.save(png, "PNG")
    assert pixels_sha256(Image.open(png).convert("RGB")) == pixels_sha256(image)
    changed = image.copy()
    changed.putpixel((3, 3), (0, 0, 0))
    assert pixels_sha256(changed) != pixels_sha256(image)
    strip = Image.new("RGB", (2, 8))
    assert pixels_sha256(strip) != pixels_sha256(strip.rotate(90, expand=True))  # equal bytes, other shape


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (7, 9), (500, 3)])
def test_pictures_of_any_shape_are_measured(size):
    found = measure(scene().resize(size), 256)
    assert (found.width_px, found.height_px) == size
    assert all(np.isfinite(v) or name == "rim_sharpness" for name, v in found.values.items())
