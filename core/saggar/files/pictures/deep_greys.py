"""Greys of more than 8 bits, shown by the range that their values have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from saggar.files.pictures.not_an_image import RefusedError

DEPTHS = (8, 10, 12, 14, 16)  # bits of grey that cameras and scanners have
_PHOTOMETRIC, _BITS, _FORMAT = 262, 258, 339  # tags of TIFF 6.0
_WHITE_IS_ZERO, _SIGNED = 0, 2


@dataclass(frozen=True)
class GreyKind:
    """What a file says of its greys."""

    from_white: bool = False  # they count from white, which Pillow heeds in those of 8 bits only
    signed: bool = False
    bits: int = 16


def kind_of(image: Image.Image) -> GreyKind:
    """Of an opened file, before its pixels are read."""
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return GreyKind()
    signed = _SIGNED in tags.get(_FORMAT, (1,))
    return GreyKind(tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO, signed, max(tags.get(_BITS, (1,))))


def eight_bits(image: Image.Image, kind: GreyKind, notes: list[str]) -> Image.Image:
    """Greys of 16 or 32 bits (modes I and F) in 8; Pillow's own conversion clips to 255. Adds to `notes` what is told.

    They are converted a line at a time: all at once would take eight bytes a pixel. Raises RefusedError for values
    that are not numbers.
    """
    values = np.asarray(image)
    if image.mode == "F":
        scaled = _floats(values, notes)
    elif kind.signed and values.min(initial=0) < 0:
        scaled = _with_negative(values, notes)
    else:
        unsigned = values.view(np.uint32) if values.dtype == np.int32 else values
        scaled = _integers(unsigned, kind.bits, (*DEPTHS[:-1], kind.bits - 1) if kind.signed else DEPTHS, notes)
    shown = Image.fromarray(255 - scaled if kind.from_white else scaled)
    shown.info.update(image.info)  # its colour profile
    return shown


def _integers(values: npt.NDArray[Any], kept: int, depths: tuple[int, ...], notes: list[str]) -> npt.NDArray[np.uint8]:
    """Whole greys, `kept` in so many bits: the smallest depth that holds them all is theirs, since 12 bits in 16 are
    dark otherwise.
    """
    highest = int(values.max(initial=0))
    bits = next((depth for depth in depths if highest < 1 << depth), highest.bit_length())
    if bits < depths[-1]:
        notes.append(f"{bits} bits of grey in {kept}, shown by their own range")
    elif bits > DEPTHS[-1]:
        notes.append(f"greys of {bits} bits, shown by their own range")
    shift, bits = max(0, bits - DEPTHS[-1]), min(bits, DEPTHS[-1])
    levels = (np.arange(1 << bits) * (255 / ((1 << bits) - 1))).round().astype(np.uint8)
    scaled = np.empty(values.shape, np.uint8)
    for row, line in enumerate(values):
        scaled[row] = levels[line >> shift]
    return scaled


def _with_negative(values: npt.NDArray[Any], notes: list[str]) -> npt.NDArray[np.uint8]:
    """Whole greys of which some are below zero, stretched."""
    low, high = int(values.min()), int(values.max())
    notes.append(f"greys from {low} to {high} shown as black to white")
    scaled = np.empty(values.shape, np.uint8)
    for row, line in enumerate(values):
        scaled[row] = ((line.astype(np.int64) - low) * (255 / max(high - low, 1))).round()
    return scaled


def _floats(values: npt.NDArray[Any], notes: list[str]) -> npt.NDArray[np.uint8]:
    """Greys as numbers: 0 to 1, 0 to 255 and 0 to 65,535 are known ranges; any other is stretched."""
    finite = (line[np.isfinite(line)] for line in values)
    ranges = [(float(line.min()), float(line.max())) for line in finite if line.size]
    if not ranges:
        raise RefusedError("its grey values are not numbers; save it with 8 bits a channel")
    low, high = min(least for least, _ in ranges), max(most for _, most in ranges)
    top = next((known for known in (1.0, 255.0, 65535.0) if low >= 0 and high <= known), None)
    low, top = (0.0, top) if top else (low, high)
    notes.append(f"greys as numbers, {low:g} to {top:g} shown as black to white")
    scaled = np.empty(values.shape, np.uint8)
    for row, line in enumerate(values):
        known = np.nan_to_num(line.astype(np.float64), nan=low, posinf=top, neginf=low)
        scaled[row] = ((known - low) * (255 / max(top - low, 1e-300))).round().clip(0, 255)
    return scaled
