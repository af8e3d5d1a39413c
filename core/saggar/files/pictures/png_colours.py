"""What a PNG says of its colours beside a profile: gAMA, cHRM, sRGB and cICP (PNG, third edition, section 11.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

_SRGB_GAMMA = 0.45455  # as gAMA has it
_SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green and blue
_CICP_SRGB = (b"\x01\x0d", b"\x01\x01")  # primaries of BT.709 with the curve of sRGB or BT.709
_NEAR = 0.01
_LEAST, _MOST = 0.1, 2.0  # gammas that a picture may have; others are slips
_HEAD = 1 << 16  # bytes before a PNG's pixels in which its colours are described


@dataclass(frozen=True)
class PngColours:
    """`gamma`: the exponent of light that the values are, to be applied; None where they are sRGB's. `left_out`:
    whether the file says more, which nothing here applies.
    """

    gamma: float | None = None
    left_out: bool = False


def png_colours(info: Mapping[Any, Any], data: bytes) -> PngColours:
    """Of a PNG without a profile: `info` as Pillow reads it, and the file. cICP outranks sRGB, and that the others."""
    coded = data.find(b"cICP", 0, _HEAD) + 4
    if coded > 3 and data[coded : coded + 2] not in _CICP_SRGB:
        return PngColours(left_out=True)
    if coded > 3 or "srgb" in info:
        return PngColours()
    gamma = float(info.get("gamma", _SRGB_GAMMA))
    pairs = zip(info.get("chromaticity", _SRGB_PRIMARIES), _SRGB_PRIMARIES, strict=False)
    left_out = not all(abs(a - b) < _NEAR for a, b in pairs)
    if abs(gamma - _SRGB_GAMMA) < _NEAR:
        return PngColours(left_out=left_out)
    if not _LEAST <= gamma <= _MOST:
        return PngColours(left_out=True)
    return PngColours(gamma, left_out)


@lru_cache(maxsize=16)
def srgb_levels(gamma: float) -> tuple[int, ...]:
    """[256] What each value of such a picture is in sRGB (IEC 61966-2-1)."""
    light = (np.arange(256) / 255) ** (1 / gamma)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return tuple((255 * coded).round().astype(int).tolist())
