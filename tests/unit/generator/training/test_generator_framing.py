"""Photographs as square training images."""

import numpy as np
import pytest
from PIL import Image
from saggar_generator.images.photographs.framing import square


def wide_bowl(width=120, height=90):
    """A red bar from edge to edge, nearly, on a ground that grows lighter downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:] = np.linspace(40, 200, height).astype(np.uint8)[:, None, None]
    pixels[40:50, 5 : width - 5] = (255, 0, 0)
    return Image.fromarray(pixels)


def red(image):
    pixels = np.asarray(image).astype(int)
    return (pixels[..., 0] > 200) & (pixels[..., 1] < 90)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [60, 120, 240])
def test_pad_keeps_the_whole_piece(size, turned):
    image = wide_bowl().transpose(Image.Transpose.ROTATE_90) if turned else wide_bowl()
    long_side = 1 - turned  # of the array
    whole = square(image, size, "pad")
    assert whole.size == (size, size)
    along = red(whole).any(axis=1 - long_side)
    assert abs(along.sum() - size * 110 / 120) <= 4
    assert not along[0]
    assert not along[-1]
    assert not red(whole).take([0, -1], axis=1 - long_side).any()
    assert red(square(image, size, "crop")).any(axis=1 - long_side).all()  # cut at both ends


def test_pad_carries_the_ground_on():
    pixels = np.asarray(square(wide_bowl(), 120, "pad")).astype(int)[..., 0]
    assert np.ptp(pixels[:15], axis=0).max() <= 1  # as the edge is, without steps
    assert np.abs(pixels[16] - pixels[14]).max() <= 4
    assert np.abs(pixels[106] - pixels[103]).max() <= 8
    assert pixels[0].mean() < 50
    assert pixels[-1].mean() > 190


def test_pad_leaves_no_streaks():
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    added = np.asarray(square(Image.fromarray(noise), 120, "pad")).astype(float)[:14]
    assert added.std(axis=1).mean() < 0.6 * noise.std()


@pytest.mark.parametrize("framing", ["crop", "pad"])
def test_a_square_photograph_only_changes_its_size(framing):
    image = wide_bowl(96, 96)
    assert np.array_equal(np.asarray(square(image, 96, framing)), np.asarray(image))


@pytest.mark.parametrize("extent", [(1, 50), (50, 1), (2, 3)])
@pytest.mark.parametrize("framing", ["crop", "pad"])
def test_slivers_are_no_trouble(extent, framing):
    assert square(Image.new("RGB", extent, "teal"), 64, framing).getpixel((32, 32)) == (0, 128, 128)
