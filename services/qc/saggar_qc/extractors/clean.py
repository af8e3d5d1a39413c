"""Images brought to one size with antialiasing, as clean-fid does: Parmar et al. 2022, arXiv:2104.11222.

torch-fidelity's networks resize inside, as TensorFlow 1 did: pixels between the grid's points are left out, so that a
large picture aliases, and two sets of unlike sizes differ by that alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.taxonomy import Taxonomy

from saggar_qc.extractors.features import Analysis, Prepared


def clean_resize(image: Image.Image, side_px: int) -> npt.NDArray[np.float32]:
    """[3, S, S] of an image in RGB, 0 to 255, stretched to a square: Pillow's bicubic filter over all pixels that an
    output pixel covers, each channel in floating point, so that nothing is rounded to 8 bits.
    """
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    size = (side_px, side_px)
    channels = [
        Image.fromarray(np.ascontiguousarray(pixels[:, :, channel])).resize(size, Image.Resampling.BICUBIC)
        for channel in range(3)
    ]
    return np.stack([np.asarray(channel) for channel in channels]).clip(0, 255)


class CleanExtractor:
    """A network of torch-fidelity without its own resizing: it takes `clean_resize`d images [N, 3, S, S] float32."""

    taxonomy: Taxonomy | None = None
    libraries = ("Pillow", "torch-fidelity", "torch")
    resize = "clean"

    def __init__(self, network_name: str, side_px: int, features_of: Callable[[Any], Any]) -> None:
        """`features_of`: tensor [N, 3, S, S] of 0 to 255 to features [N, F]."""
        self.name = f"{network_name}:clean"
        self.preparation = f"{side_px} px, stretched, bicubic with antialiasing as in clean-fid"
        self._side_px = side_px
        self._features_of = features_of

    def prepare(self, image: Image.Image) -> Prepared:
        return clean_resize(image, self._side_px)

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        import torch

        with torch.inference_mode():
            features = self._features_of(torch.from_numpy(np.stack(images)))
        return Analysis(features.numpy().astype(np.float32))
