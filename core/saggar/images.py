"""Photographs to pixels: decoding, and the one evaluation preprocessing that trainer, qc and classifier
share.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from saggar.errors import InvalidInputError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
LARGEST_PX = 64_000_000  # a decompression bomb otherwise: 64 Mpx are 192 MB of RGB
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Resize = Literal["shorter-side-bilinear-then-centre-crop", "stretch"]


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: RGB, `size_px` square, scaled to 0..1, then (x - mean) / std per channel."""

    size_px: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    resize: Resize = "shorter-side-bilinear-then-centre-crop"

    def __post_init__(self) -> None:
        if self.size_px < 1 or len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise InvalidInputError(f"not an input specification: {self}; size and std must be above 0")
        if self.resize not in get_args(Resize):
            raise InvalidInputError(f"unknown resize '{self.resize}'; known: {', '.join(get_args(Resize))}")

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


def decode(data: bytes, source: str) -> Image.Image:
    """An encoded photograph (JPEG, PNG, WebP, TIFF) as RGB, turned upright by its EXIF orientation.

    Transparent parts become white; 16-bit greys are scaled to 8 bits; colour profiles are not applied. Raises
    InvalidInputError, naming `source`, for anything else, for truncated data, and above 64 Mpx.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about odd metadata and size; both are checked here
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            too_large = image.width * image.height > LARGEST_PX
            if not too_large:
                image.load()
                return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        what = "is empty" if not data else "is not a JPEG, PNG, WebP or TIFF image"
        raise InvalidInputError(f"{source}: {what}; replace it") from None
    except Image.DecompressionBombError:
        size = "the image's size"
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        raise InvalidInputError(
            f"{source}: the image is truncated or damaged ({error}); replace it"
        ) from error
    else:
        size = f"{image.width} x {image.height} pixels"
    raise InvalidInputError(
        f"{source}: {size} is above the {LARGEST_PX // 10**6} million pixels that are read; scale it down"
    )


def preprocess(image: Image.Image, spec: InputSpec) -> npt.NDArray[np.float32]:
    """An RGB image as the network's input, [3, S, S]. Deterministic: what evaluation and serving use."""
    size = spec.size_px
    if spec.resize == "stretch":
        square = image.resize((size, size), Image.Resampling.BILINEAR)
    else:
        shorter = min(image.size)
        width, height = (max(size, round(side * size / shorter)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        square = image.resize((width, height), Image.Resampling.BILINEAR).crop(
            (left, top, left + size, top + size)
        )
    pixels = np.asarray(square.convert("RGB"), dtype=np.float32) / np.float32(255)  # [S, S, 3]
    normal = (pixels - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits of grey; PIL's own conversion would clip to 255
        grey = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I;16") or grey.max(initial=0) > 255 else 255.0
        return Image.fromarray((grey.clip(0, top) * (255 / top)).round().astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
