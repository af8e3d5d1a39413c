"""Whether one picture is a part of another: fine detail laid over fine detail, at several scales.

Copies that were cropped move every perceptual hash. Here the structure of edges is compared, without the
large shapes that all bowls share.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

_SIDE_PX = 96
_SCALES = (1.0, 0.965, 0.93, 0.895)  # a crop of up to a tenth
_FINE, _COARSE = 0.7, 3.0  # pixels, of the band that is compared
_MARGIN = 0.02

Detail = npt.NDArray[np.float32]


def detail_match(picture: Image.Image, other: Image.Image) -> float:
    """Largest normalised correlation of `picture`, laid anywhere on `other`.

    1 for a part of it, about 0.4 for another photograph of the same kind of object.
    """
    from skimage.feature import match_template

    grey = _small(picture)
    whole = _band(_small(other))
    best = 0.0
    for scale in _SCALES:
        size = (round(whole.shape[1] * scale), round(whole.shape[0] * scale))
        part = _band(grey.resize(size, Image.Resampling.BILINEAR))
        cut = max(1, round(_MARGIN * min(part.shape)))  # the filter sees nothing beyond the rim
        part = part[cut:-cut, cut:-cut]
        if part.std() > 0 and whole.std() > 0:
            found = match_template(whole, part)  # type: ignore[no-untyped-call]
            best = max(best, float(found.max()))
    return best


def _small(image: Image.Image) -> Image.Image:
    shrink = _SIDE_PX / min(image.size)
    size = (max(8, round(image.width * shrink)), max(8, round(image.height * shrink)))
    return image.convert("L").resize(size, Image.Resampling.BILINEAR)


def _band(grey: Image.Image) -> Detail:
    from scipy import ndimage  # type: ignore[import-untyped]

    pixels = np.asarray(grey, dtype=np.float32)
    band: Detail = ndimage.gaussian_filter(pixels, _FINE) - ndimage.gaussian_filter(pixels, _COARSE)
    return band
