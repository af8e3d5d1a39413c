"""Photographs to pixels: decoding (see `saggar.decoding`), and the one evaluation preprocessing that trainer,
qc and classifier share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from saggar.decoding import decode
from saggar.errors import InvalidInputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_MOST_ENLARGED = 16  # times the input's pixels that a picture may have before it is cropped

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "RESIZE",
    "Framing",
    "InputSpec",
    "border_colour",
    "decode",
    "pad_to_square",
    "preprocess",
]

Resize = Literal["shorter-side-bilinear-then-centre-crop", "stretch", "longer-side-bilinear-then-pad"]
Framing = Literal["crop", "stretch", "pad"]

RESIZE: Mapping[Framing, Resize] = {
    "crop": "shorter-side-bilinear-then-centre-crop",
    "stretch": "stretch",
    "pad": "longer-side-bilinear-then-pad",
}
"""How a photograph is brought to a square: cut to its middle, squeezed, or kept whole on a ground of its own."""


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: RGB, `size_px` square, scaled to 0..1, then (x - mean) / std per channel.

    A JPEG is decoded with no less than `jpeg_margin` times `size_px` on its shorter side, where it is larger: at 2 its
    pixels then differ from those of the whole by a quarter of a grey level in the mean, and a camera's takes a quarter
    of the time. 0: always whole. Training, evaluation and serving decode alike, so that their answers are equal.
    """

    size_px: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    resize: Resize = "shorter-side-bilinear-then-centre-crop"
    jpeg_margin: int = 2

    def __post_init__(self) -> None:
        if self.size_px < 1 or self.jpeg_margin < 0 or len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise InvalidInputError(
                f"not an input specification: {self}; size and std must be above 0, jpeg_margin not below"
            )
        if self.resize not in get_args(Resize):
            raise InvalidInputError(f"unknown resize '{self.resize}'; known: {', '.join(get_args(Resize))}")

    @property
    def enough_px(self) -> int | None:
        """Pixels on the shorter side that a JPEG must keep in decoding; None: all."""
        return self.jpeg_margin * self.size_px or None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> InputSpec:
        """Raises InvalidInputError for missing or unknown keys and for values out of range."""
        try:
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return InputSpec(**fields)
        except TypeError as error:
            raise InvalidInputError(f"not an input specification: {error}") from None


def preprocess(image: Image.Image, spec: InputSpec) -> npt.NDArray[np.float32]:
    """An RGB image as the network's input, [3, S, S]. Deterministic: what evaluation and serving use."""
    size = spec.size_px
    if spec.resize == "stretch":
        square = image.resize((size, size), Image.Resampling.BILINEAR)
    elif spec.resize == "longer-side-bilinear-then-pad":
        longer = max(image.size)
        width, height = (max(1, round(side * size / longer)) for side in image.size)
        square = pad_to_square(image.resize((width, height), Image.Resampling.BILINEAR), border_colour(image))
    else:
        shorter = min(image.size)
        width, height = (max(size, round(side * size / shorter)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        if width * height > _MOST_ENLARGED * size * size:  # a long strip: only what is kept of it is resampled
            across, down = image.width / width, image.height / height
            box = (left * across, top * down, (left + size) * across, (top + size) * down)
            square = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
        else:
            whole = image.resize((width, height), Image.Resampling.BILINEAR)
            square = whole.crop((left, top, left + size, top + size))
    pixels = np.asarray(square.convert("RGB"))  # [S, S, 3]
    normal = np.empty((3, size, size), np.float32)
    for channel, values in enumerate(_normal_values(spec.mean, spec.std)):
        np.take(values, pixels[:, :, channel], out=normal[channel], mode="clip")  # clip: no copy of `out`
    return normal


def pad_to_square(image: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """`image` whole, in the middle of a square of `colour`: of its border, which on a museum photograph is backdrop."""
    if image.width == image.height:
        return image
    side = max(image.size)
    square = Image.new("RGB", (side, side), colour)
    square.paste(image.convert("RGB"), ((side - image.width) // 2, (side - image.height) // 2))
    return square


def border_colour(image: Image.Image) -> tuple[int, int, int]:
    """Mean colour of the outermost pixels of an RGB image."""
    width, height = image.size
    boxes = ((0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height))
    edges = [np.asarray(image.crop(box).convert("RGB"), dtype=np.float64).reshape(-1, 3) for box in boxes]
    red, green, blue = np.concatenate(edges).mean(axis=0).round().astype(int).tolist()
    return red, green, blue


@lru_cache
def _normal_values(mean: tuple[float, ...], std: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """[3, 256]: what each value of each channel becomes; to look it up takes a fraction of computing it."""
    scaled = np.arange(256, dtype=np.float32) / np.float32(255)
    values = (scaled - np.asarray(mean, np.float32)[:, None]) / np.asarray(std, np.float32)[:, None]
    return np.asarray(values, np.float32)
