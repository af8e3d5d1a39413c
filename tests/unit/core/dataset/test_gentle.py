"""Variants that an adapter learns from: mirrored, turned and cropped a little, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples
from saggar.dataset.adapter_rows.gentle import vary_gently
from saggar.dataset.augment import apply_augmentation

SEEDS = st.integers(0, 2**63 - 1)


def _photograph(size=(240, 180)) -> Image.Image:
    """A dark upright bar, twice as high as wide, on a light ground."""
    image = Image.new("RGB", size, (200, 200, 200))
    width, height = size
    image.paste((40, 90, 140), (width // 2 - height // 8, height // 4, width // 2 + height // 8, height * 3 // 4))
    return image


def _outline(image: Image.Image) -> tuple[float, float, float]:
    """Share of the picture, tilt in degrees and length by breadth of what is darker than the ground."""
    dark = np.asarray(image.convert("L")).astype(int) < 150
    rows, columns = np.nonzero(dark)
    values, vectors = np.linalg.eigh(np.cov(np.stack([columns, rows])))
    tilt = np.degrees(np.arctan2(*vectors[:, 1]))
    return dark.mean(), abs((tilt + 90) % 180 - 90), float(np.sqrt(values[1] / values[0]))


@given(SEEDS)
@examples(25)
def test_a_variant_is_decided_by_its_seed_and_keeps_its_proportions(seed):
    image = _photograph()
    first, second = vary_gently(image, seed), vary_gently(image, seed)
    assert np.array_equal(np.asarray(first), np.asarray(second))
    assert first.width / first.height == pytest.approx(240 / 180, rel=0.01)
    assert 0.89 <= first.width * first.height / (240 * 180) <= 1


def test_pots_stay_upright_and_keep_their_shape_and_colour():
    """The classifier's variants of the same photograph do neither."""
    image = _photograph()
    share, tilt, length = _outline(image)
    assert tilt < 0.1
    for seed in range(60):
        varied = vary_gently(image, seed)
        share_now, tilt_now, length_now = _outline(varied)
        assert tilt_now <= 5.2
        assert length_now == pytest.approx(length, rel=0.04)
        assert share <= share_now * 1.02 <= share * 1.16
        middle = np.asarray(varied)[varied.height // 2, varied.width // 2].astype(int)
        assert np.abs(middle - (40, 90, 140)).max() <= 1
    tilts = [_outline(apply_augmentation(image, seed))[1] for seed in range(60)]
    assert max(tilts) > 20


def test_half_are_mirrored_and_no_corner_is_black():
    image = _photograph()
    image.paste((120, 60, 60), (0, 0, 60, 180))  # the left edge
    varied = [np.asarray(vary_gently(image, seed)).astype(int) for seed in range(200)]
    mirrored = sum(one[one.shape[0] // 2, -8, 0] < 160 for one in varied)
    assert 70 <= mirrored <= 130
    assert len({one.tobytes() for one in varied}) == 200
    assert min(int(one[place].min()) for one in varied for place in ((0, 0), (0, -1), (-1, 0), (-1, -1))) > 50


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_a_tiny_or_grey_image_can_be_varied(size):
    for seed in range(5):
        varied = vary_gently(Image.new("L", size, 128), seed)
        assert varied.mode == "RGB"
        assert min(varied.size) >= 1
