"""Perceptual hashes: equal or nearly so for one photograph saved, scaled or toned anew.

The hash is pHash of 256 bits: signs of the 16 x 16 lowest frequencies of a 64 x 64 cosine transform, against
their median, as the library imagehash has it. `docs/importing.md` has the measurements that the limits rest
on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

HASH_BITS = 256
_SIDE = 16  # frequencies a side
_TRANSFORMED_PX = 4 * _SIDE  # as imagehash, which scales by a slower filter
_FLAT = 2.0  # standard deviation of grey below which there is nothing to compare
_THUMBNAIL_PX = 32
_LEAST_CORRELATION = 0.985
_MOST_COLOUR = 2.5  # root mean square of the difference in Cb and Cr


def perceptual_hash(image: Image.Image) -> str | None:
    """64 hexadecimal digits for an image in RGB or L; None for a flat one, whose hash would be noise."""
    from scipy.fft import dctn  # type: ignore[import-untyped]

    grey = image if image.mode == "L" else image.convert("L")
    small = grey.resize((_TRANSFORMED_PX, _TRANSFORMED_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(small, dtype=np.float32)
    centred = (pixels - pixels.mean()).ravel()
    if centred @ centred < _FLAT**2 * centred.size:
        return None
    low = dctn(pixels)[:_SIDE, :_SIDE].ravel()
    median = np.sort(low)[HASH_BITS // 2 - 1 : HASH_BITS // 2 + 1].mean()  # np.median takes ten times longer
    return np.packbits(low > median).tobytes().hex()


def thumbnail(image: Image.Image) -> npt.NDArray[np.float32]:
    """[32, 32, 3] an RGB image as small Y, Cb, Cr: what `look_alike` compares."""
    side = (_THUMBNAIL_PX, _THUMBNAIL_PX)
    small = image.resize(side, Image.Resampling.BOX)
    return np.asarray(small.convert("YCbCr"), dtype=np.float32)


def look_alike(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> bool:
    """Whether two thumbnails are of one photograph: same structure, and same colours unless one has none."""
    greys = [thumb[..., 0] - thumb[..., 0].mean() for thumb in (first, second)]
    together = float((greys[0] * greys[1]).mean())
    if together < _LEAST_CORRELATION * max(_FLAT**2, float(greys[0].std() * greys[1].std())):
        return False
    colours = [thumb[..., 1:] - 128 for thumb in (first, second)]
    if min(float(np.abs(colour).max()) for colour in colours) <= 2:  # a black-and-white copy
        return True
    return float(np.sqrt(((colours[0] - colours[1]) ** 2).mean())) <= _MOST_COLOUR
