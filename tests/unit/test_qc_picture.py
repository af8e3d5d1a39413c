"""Measurements of one image, against independent computations and known values."""

import io
import math

import numpy as np
import pytest
from PIL import Image, ImageFilter
from saggar_qc.picture import entropy_bits, measure, perceptual_hash, pixels_sha256, sharpness


def scene(seed: int = 0, side: int = 96, grain: float = 6) -> Image.Image:
    """Soft blobs of colour with fine grain: a stand-in for a photograph."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray((soft + random.normal(0, grain, soft.shape)).clip(0, 255).astype(np.uint8))


def checkerboard(side: int) -> Image.Image:
    return Image.fromarray((np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8))


def test_size_and_spread_of_an_image_of_two_halves():
    halves = np.zeros((40, 60, 3), dtype=np.uint8)
    halves[:, 30:] = 200
    picture = measure(Image.fromarray(halves), 256)
    assert (picture.width_px, picture.height_px) == (60, 40)
    assert picture.luminance_sd == pytest.approx(100)
    assert picture.entropy_bits == pytest.approx(1)


def test_entropy_is_zero_for_one_value_and_eight_bits_for_all_alike():
    assert entropy_bits(Image.new("L", (20, 20), 77)) == 0
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert entropy_bits(Image.fromarray(ramp)) == pytest.approx(8)


def test_entropy_agrees_with_pillow():
    grey = scene().convert("L")
    assert entropy_bits(grey) == pytest.approx(grey.entropy(), rel=1e-5)


def test_sharpness_of_a_checkerboard_has_a_closed_form():
    # Every inner pixel's Laplacian is +-4 * 255, half of them each way.
    assert sharpness(checkerboard(34), 256) == pytest.approx((4 * 255) ** 2)


def test_sharpness_is_zero_without_detail_and_for_tiny_images():
    assert sharpness(Image.new("L", (20, 20), 90), 256) == 0
    assert sharpness(checkerboard(2), 256) == 0
    ramp = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (50, 1))
    assert sharpness(Image.fromarray(ramp), 256) == 0


def test_blur_lowers_sharpness_steadily():
    values = [
        sharpness(scene().filter(ImageFilter.GaussianBlur(radius)).convert("L"), 256)
        for radius in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[1] < 0.1 * values[0]
    assert values[-1] < 0.01 * values[0]


def test_sharpness_is_compared_at_one_scale():
    """An enlargement has no more detail than the original; only at a common size do both measure alike."""
    small = scene(side=64, grain=0).convert("L")
    large = small.resize((256, 256), Image.Resampling.BICUBIC)
    assert sharpness(large, 256) < 0.2 * sharpness(small, 256)
    assert sharpness(large, 64) == pytest.approx(sharpness(small, 64), rel=0.3)


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


def test_perceptual_hash_survives_compression_and_scaling_and_tells_scenes_apart():
    image = scene(side=256)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=60)
    for variant in (Image.open(jpeg).convert("RGB"), image.resize((128, 128))):
        assert distance(image, variant) <= 4
    others = [distance(image, scene(seed)) for seed in range(1, 30)]
    assert min(others) > 10
    assert np.mean(others) == pytest.approx(32, abs=4)  # unrelated hashes differ in half of 64 bits


def test_perceptual_hash_has_64_bits():
    bits = math.log2(max(perceptual_hash(scene(seed)) for seed in range(10)))
    assert bits < 64
    assert bits > 60


def distance(one: Image.Image, other: Image.Image) -> int:
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()
