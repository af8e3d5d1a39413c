"""TIFFs as scanners, microscopes, Photoshop and cameras write them: the picture that is meant, or a refusal."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image
from saggar.decoding import Decoded, decode, read_image
from saggar.errors import InvalidInputError

RAMP = np.linspace(0, 1, 60 * 40).reshape(40, 60)
SUBFILE, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, CHANNELS, LENGTHS, PLANAR, EXTRA, FORMAT = (
    254, 258, 259, 262, 273, 277, 279, 284, 338, 339,
)  # fmt: skip
BEHIND, DNG = 330, 50706  # further pictures; the version of a DNG


def encoded(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "TIFF", **options)
    return out.getvalue()


def photograph(width: int, height: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def written(strips: list[np.ndarray], order: str = "<", start: bytes = b"", **tags: Any) -> bytes:
    """A TIFF of 60 x 40 written by hand: a strip for all channels, or one for each; `start` behind its header."""
    width, height, size = 60, 40, strips[0].dtype.itemsize
    kind = strips[0].dtype.newbyteorder(order)
    data = [strip.astype(kind).tobytes() for strip in strips]
    channels = sum(strip.size for strip in strips) // (width * height)
    begin = 8 + len(start)
    places = [begin + sum(map(len, data[:number])) for number in range(len(data))]
    entries = {
        256: [width], 257: [height], BITS: [8 * size] * channels, COMPRESSION: [1],
        PHOTOMETRIC: [2 if channels > 2 else 1], STRIPS: places, CHANNELS: [channels], 278: [height],
        LENGTHS: [len(each) for each in data], PLANAR: [2 if len(data) > 1 else 1],
    }  # fmt: skip
    entries |= {int(number): values for number, values in tags.pop("tags", {}).items()}
    at = begin + sum(map(len, data))
    directory = struct.pack(order + "H", len(entries))
    behind, place = b"", at + 2 + 12 * len(entries) + 4
    for number, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > 4:
            packed, behind = struct.pack(order + "I", place + len(behind)), behind + packed
        directory += struct.pack(order + "HHI", number, 4, len(values)) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", at) + start + b"".join(data) + directory + bytes(4) + behind


def grey(decoded: Decoded) -> np.ndarray:
    return np.asarray(decoded.image, int)[..., 0]


PICTURE = np.asarray(photograph(60, 40, 3))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
def test_channels_by_themselves_are_read_as_those_side_by_side(order: str, kind: type, alpha: bool) -> None:
    factor = np.iinfo(kind).max // 255
    whole = np.dstack([PICTURE, np.full((40, 60), 255, np.uint8)]) if alpha else PICTURE
    tags = {EXTRA: [2]} if alpha else {}
    deep = whole.astype(kind) * kind(factor)
    beside = decode(written([deep], order, tags=tags), "a")
    apart = decode(written([deep[..., c] for c in range(deep.shape[2])], order, tags=tags), "a")
    assert np.array_equal(np.asarray(apart), PICTURE)
    assert np.array_equal(np.asarray(beside), PICTURE)


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_by_themselves_that_cannot_be_read_are_named(channels: int) -> None:
    planes = [np.full((40, 60), 30000, np.uint16)] * channels
    tags = {PHOTOMETRIC: [5]} if channels == 4 else {EXTRA: [2]}
    with pytest.raises(InvalidInputError, match=r"^a: (its channels lie each by itself|is a TIFF file of a kind)"):
        decode(written(planes, tags=tags), "a")


def test_grey_and_alpha_by_themselves_are_named() -> None:
    planes = [np.full((40, 60), 200, np.uint8)] * 2
    with pytest.raises(InvalidInputError, match=r"^a: its channels lie each by itself in the file"):
        decode(written(planes, tags={EXTRA: [2]}), "a")


@pytest.mark.parametrize(
    ("tags", "start"),
    [({DNG: [0x01040000]}, b""), ({SUBFILE: [1], BEHIND: [8]}, b""), ({}, b"CR\x02\0")],
    ids=["DNG", "NEF", "CR2"],
)
def test_a_raw_photograph_is_not_taken_for_its_preview(tags: dict[int, list[int]], start: bytes) -> None:
    data = written([PICTURE], start=start, tags=tags)
    with pytest.raises(InvalidInputError, match=r"^a: is a raw photograph.* preview of 60 x 40; save it as JPEG"):
        decode(data, "a")


@pytest.mark.parametrize("tags", [{BEHIND: [8]}, {SUBFILE: [1]}, {SUBFILE: [0], BEHIND: [8]}])
def test_a_picture_with_smaller_ones_behind_it_is_taken(tags: dict[int, list[int]]) -> None:
    assert np.array_equal(np.asarray(decode(written([PICTURE], tags=tags), "a")), PICTURE)


@pytest.mark.parametrize(
    ("values", "signed", "note"),
    [
        (RAMP * 32767, True, None),
        (RAMP * 4095, True, "12 bits of grey in 16, shown by their own range"),
        (RAMP * 60000 - 30000, True, "greys from -30000 to 30000 shown as black to white"),
        (RAMP * 32767, False, None),
    ],
)
def test_greys_of_sixteen_bits_with_a_sign_have_their_range(values: np.ndarray, signed: bool, note: str | None) -> None:
    kind = np.int16 if signed else np.uint16
    tags = {FORMAT: [2 if signed else 1]}
    found = read_image(written([values.round().astype(kind)], tags=tags), "a")
    white = 255 if signed else 127.5
    assert np.abs(grey(found) - RAMP * white).max() <= 1
    assert [text for text in found.notes if text != note] == []
    assert (note in found.notes) == (note is not None)


def test_greys_of_thirty_two_bits_without_a_sign_have_their_range() -> None:
    found = read_image(written([(RAMP * (2**32 - 1)).astype(np.uint32)]), "a")
    assert np.abs(grey(found) - RAMP * 255).max() <= 1
    assert found.notes == ("greys of 32 bits, shown by their own range",)


def test_the_page_behind_a_thumbnail_is_taken() -> None:
    small, large = photograph(64, 48, 6), photograph(640, 480, 7)
    found = read_image(encoded(small, save_all=True, append_images=[large, small]), "a")
    assert found.image.size == (640, 480)
    assert np.array_equal(np.asarray(found.image), np.asarray(large))
    assert found.notes == ("page 2 of several taken, the largest",)


def test_pages_alike_give_the_first_one() -> None:
    pages = [photograph(64, 48, seed) for seed in (8, 9)]
    found = read_image(encoded(pages[0], save_all=True, append_images=pages[1:]), "a")
    assert np.array_equal(np.asarray(found.image), np.asarray(pages[0]))
    assert found.notes == ("first of several frames or pages taken",)


def test_the_chosen_page_is_held_to_the_limits_too() -> None:
    pages = encoded(photograph(40, 30, 1), save_all=True, append_images=[Image.new("1", (9000, 8000))])
    with pytest.raises(InvalidInputError, match="64 million pixels"):
        decode(pages, "a")
