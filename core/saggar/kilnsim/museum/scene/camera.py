"""The camera's share in a photograph: white balance, exposure, tone, blur, noise, compression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.museum.exact import Array, Draws

_COSINES = (
    (0.35355339, 0.35355339, 0.35355339, 0.35355339, 0.35355339, 0.35355339, 0.35355339, 0.35355339),
    (0.49039264, 0.41573481, 0.27778512, 0.09754516, -0.09754516, -0.27778512, -0.41573481, -0.49039264),
    (0.46193977, 0.19134172, -0.19134172, -0.46193977, -0.46193977, -0.19134172, 0.19134172, 0.46193977),
    (0.41573481, -0.09754516, -0.49039264, -0.27778512, 0.27778512, 0.49039264, 0.09754516, -0.41573481),
    (0.35355339, -0.35355339, -0.35355339, 0.35355339, 0.35355339, -0.35355339, -0.35355339, 0.35355339),
    (0.27778512, -0.49039264, 0.09754516, 0.41573481, -0.41573481, -0.09754516, 0.49039264, -0.27778512),
    (0.19134172, -0.46193977, 0.46193977, -0.19134172, -0.19134172, 0.46193977, -0.46193977, 0.19134172),
    (0.09754516, -0.27778512, 0.41573481, -0.49039264, 0.49039264, -0.41573481, 0.27778512, -0.09754516),
)
"""The discrete cosine transform of eight values, row by row."""


@dataclass(frozen=True)
class Camera:
    """How one photograph was taken and kept."""

    warm: float
    """Red gained and blue lost."""
    green: float
    gain: float
    contrast: float
    saturation: float
    blur: float
    """Radius of the defocus, as a share of the picture's side."""
    grain: float
    loss: float
    """Coarseness of the compression, 0 for none."""


def camera(draws: Draws) -> Camera:
    """A museum's photographer, good but not the same one for fifty years."""
    return Camera(
        warm=draws.around(0.0, 0.04),
        green=draws.around(0.0, 0.015),
        gain=1.04 + draws.around(0.0, 0.12),
        contrast=draws.around(0.15, 0.14),
        saturation=draws.between(0.65, 1.0),
        blur=draws.between(0.0, 0.007) if draws.chance(0.5) else 0.0,
        grain=draws.between(0.0, 0.010),
        loss=draws.between(0.008, 0.03) if draws.chance(0.6) else 0.0,
    )


def develop(picture: Array, taken: Camera, draws: Draws) -> np.ndarray:
    """From light [3, size, size], 0..1, to bytes [size, size, 3]."""
    gains = (
        taken.gain * (1.0 + taken.warm),
        taken.gain * (1.0 + taken.green),
        taken.gain * (1.0 - taken.warm),
    )
    grey = (picture[0] + picture[1] + picture[2]) * np.float32(1.0 / 3.0)
    for channel, gain in zip(picture, gains, strict=True):
        channel[:] = (grey + (channel - grey) * np.float32(taken.saturation)) * np.float32(gain)
    picture = np.clip(picture, 0.0, 1.0)
    curve = np.float32(taken.contrast)
    picture = picture + curve * (picture - 0.5) * picture * (1.0 - picture) * 4.0
    if taken.blur:
        picture = _blurred(picture, taken.blur * picture.shape[-1])
    size = picture.shape[-1]
    noise = draws.table(2, size, size)
    picture = picture + (noise[0] + noise[1] - 1.0) * np.float32(2.0 * taken.grain)
    if taken.loss:
        picture = _compressed(picture, taken.loss)
    levels = np.clip(picture, 0.0, 1.0) * np.float32(255.0) + np.float32(0.5)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def _blurred(picture: Array, radius: float) -> Array:
    """Passes of a filter over three neighbours, whose variances add up to that of ``radius`` pixels."""
    variance = radius * radius
    passes = math.ceil(variance * 2.0)
    side = np.float32(variance / max(passes, 1) * 0.5)
    for _ in range(passes):
        for axis in (1, 2):
            index = np.arange(picture.shape[axis])
            before = picture.take(np.maximum(index - 1, 0), axis=axis)
            after = picture.take(np.minimum(index + 1, len(index) - 1), axis=axis)
            picture = picture * (1.0 - 2.0 * side) + (before + after) * side
    return picture


def _compressed(picture: Array, loss: float) -> Array:
    """What JPEG does: colour at half the resolution, cosine coefficients of 8 x 8 blocks rounded to steps."""
    size = picture.shape[-1]
    padded = -(-size // 16) * 16
    index = np.minimum(np.arange(padded), size - 1)
    red, green, blue = picture.take(index, axis=1).take(index, axis=2)
    luma = red * 0.299 + green * 0.587 + blue * 0.114
    kept = _blocks(luma, loss)
    colours = []
    for channel in (blue - luma, red - luma):
        pairs = channel[0::2, :] + channel[1::2, :]
        small = (pairs[:, 0::2] + pairs[:, 1::2]) * np.float32(0.25)
        colours.append(_blocks(small, loss * 1.6).repeat(2, axis=0).repeat(2, axis=1))
    b, r = colours
    g = -(r * 0.299 + b * 0.114) * np.float32(1.0 / 0.587)
    out = np.stack([kept + r, kept + g, kept + b])
    return out[:, :size, :size]


def _blocks(plane: Array, loss: float) -> Array:
    rows, cols = plane.shape
    tiles = plane.reshape(rows // 8, 8, cols // 8, 8).transpose(1, 3, 0, 2)  # [8, 8, blocks...]
    coefficients = _transform(_transform(tiles, False).swapaxes(0, 1), False)
    frequency = np.arange(8, dtype=np.float32)
    steps = np.float32(loss) * (1.0 + frequency[:, None] + frequency[None, :])[:, :, None, None]
    coefficients = np.floor(coefficients / steps + 0.5) * steps
    back = _transform(_transform(coefficients, True).swapaxes(0, 1), True)
    return np.asarray(back.transpose(2, 0, 3, 1).reshape(rows, cols))


def _transform(tiles: Array, inverse: bool) -> Array:
    """Cosine transform over the first axis, its sums in a fixed order."""
    out = np.zeros_like(tiles)
    for row in range(8):
        for column in range(8):
            weight = _COSINES[column][row] if inverse else _COSINES[row][column]
            out[row] += tiles[column] * np.float32(weight)
    return out
