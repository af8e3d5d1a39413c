"""Gentle variants of photographs, for adapters to learn from.

What an adapter sees it draws: pots that lean, stretched outlines and turned hues, which do a classifier good, come
out of the generator again. A gentle variant is mirrored, turned a little and cropped a little; its proportions and
its colours are the photograph's. The data set notes a seed, as for `saggar.dataset.augment`.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageOps

from saggar.images import border_colour

FLIP_PROBABILITY = 0.5
ROTATION_DEGREES = 5.0
CROP_SCALE = (0.9, 1.0)  # of the area


def vary_gently(image: Image.Image, seed: int) -> Image.Image:
    """A variant of `image` (RGB) with its proportions, up to a tenth of its area smaller; equal seeds, equal pixels.

    Horizontal flip p = 0.5, rotation within 5 degrees, crop of 0.9 to 1.0 of the area, nothing stretched or coloured.
    Corners that the rotation uncovers take the mean colour of the border.
    """
    rng = np.random.default_rng(seed)
    picture = image.convert("RGB")
    if rng.random() < FLIP_PROBABILITY:
        picture = ImageOps.mirror(picture)
    angle = rng.uniform(-ROTATION_DEGREES, ROTATION_DEGREES)
    picture = picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=border_colour(picture))
    side = math.sqrt(rng.uniform(*CROP_SCALE))
    width, height = (max(1, round(length * side)) for length in picture.size)
    left = int(rng.integers(0, picture.width - width + 1))
    top = int(rng.integers(0, picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))
