"""What is measured of one image: size, luminance, entropy, sharpness, and the two hashes that find copies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Luminance = npt.NDArray[np.float32]  # [H, W], 0 to 255


@dataclass(frozen=True)
class Picture:
    """Measurements of one image."""

    width_px: int
    height_px: int
    luminance_sd: float  # 0 to 127.5
    entropy_bits: float  # of the 256-bin luminance histogram, 0 to 8
    sharpness: float  # variance of the Laplacian at a common scale; see `sharpness`
    pixels_sha256: str
    perceptual_hash: int  # 64 bits


def measure(image: Image.Image, sharpness_side_px: int) -> Picture:
    """Measures an RGB image. Only pictures with equal `sharpness_side_px` have comparable sharpness."""
    grey = image.convert("L")  # ITU-R 601 luma
    return Picture(
        width_px=image.width,
        height_px=image.height,
        luminance_sd=float(np.asarray(grey, dtype=np.float64).std()),
        entropy_bits=entropy_bits(grey),
        sharpness=sharpness(grey, sharpness_side_px),
        pixels_sha256=pixels_sha256(image),
        perceptual_hash=perceptual_hash(image),
    )


def entropy_bits(grey: Image.Image) -> float:
    """Shannon entropy of an 8-bit image's histogram, 0 (one value) to 8 (all values alike)."""
    counts = np.bincount(np.asarray(grey).ravel(), minlength=256)
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def sharpness(grey: Image.Image, side_px: int) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548).

    It depends on scale, so the image is first made smaller until its shorter side has `side_px` pixels; a
    smaller image is taken as it is. 0 for images under 3 pixels.
    """
    shorter = min(grey.size)
    if shorter > side_px:
        width, height = (max(1, round(side * side_px / shorter)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.BILINEAR)
    y: Luminance = np.asarray(grey, dtype=np.float32)
    if min(y.shape) < 3:
        return 0.0
    laplacian = y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:] - 4 * y[1:-1, 1:-1]
    return float(laplacian.var(dtype=np.float64))


def pixels_sha256(image: Image.Image) -> str:
    """Equal for images with equal pixels, whatever their file format."""
    size = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(size + image.tobytes()).hexdigest()


def perceptual_hash(image: Image.Image) -> int:
    """64-bit pHash: signs of the low frequencies of a 32 x 32 cosine transform, against their median."""
    import imagehash  # scipy comes with it

    bits = imagehash.phash(image).hash  # [8, 8] bool
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
