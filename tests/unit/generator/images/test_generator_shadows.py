"""A shadow is told from the pot that casts it."""

import numpy as np
import pytest
from saggar.outlines import find_outline
from saggar_generator.transfer.shadows import without_shadow
from scipy import ndimage
from skimage.color import rgb2lab

SIZE = 96
Y, X = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
POT = (X / 0.5) ** 2 + ((Y + 0.1) / 0.6) ** 2 < 1


def photograph(shade, ground=(200, 198, 195), shadow=0.7, at=(0.25, 0.5), lit=(1.2, 0.8)):
    """A pot, lit from above, and its shadow, whose middle is at (x, y), on a plain ground."""
    cast = (((X - at[0]) / 0.6) ** 2 + ((Y - at[1]) / 0.15) ** 2 < 1) & ~POT
    pixels = np.where(cast[..., None], shadow, 1.0) * np.array(ground)
    pixels = ndimage.gaussian_filter(pixels, (1, 1, 0))
    pixels[POT] = (np.interp(Y / 0.6, (-1, 1), lit)[..., None] * np.array(shade))[POT]
    pixels += np.random.default_rng(0).normal(0, 1.5, (SIZE, SIZE, 1))
    return rgb2lab(pixels.clip(0, 255).astype(np.uint8)).astype(np.float32)


def overlap(mask):
    return (mask & POT).sum() / (mask | POT).sum()


@pytest.mark.parametrize("shade", [(120, 140, 90), (90, 50, 30), (60, 80, 150), (30, 26, 24)])
@pytest.mark.parametrize("at", [(0.25, 0.5), (0.0, 0.5)])
def test_the_shadow_is_left_out_whatever_the_pot(shade, at):
    lab = photograph(shade, at=at)
    outline = find_outline(lab)
    assert overlap(outline.mask) < 0.9  # it stands out from the ground as well
    assert overlap(without_shadow(lab, outline)) > 0.94


@pytest.mark.parametrize("lit", [(1.2, 0.8), (1.1, 0.5)])
def test_a_pot_of_the_grounds_own_colour_stays_whole(lit):
    lab = photograph((150, 149, 147), lit=lit, shadow=1.0)
    outline = find_outline(lab)
    assert overlap(without_shadow(lab, outline)) > 0.94


def test_where_there_is_no_shadow_nothing_changes():
    lab = photograph((120, 140, 90), shadow=1.0)
    outline = find_outline(lab)
    assert (without_shadow(lab, outline) ^ outline.mask).mean() < 0.005
