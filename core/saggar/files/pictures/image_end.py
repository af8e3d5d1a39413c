"""Where an image ends within its file: what follows is another file, hidden or left behind by a program."""

from __future__ import annotations

import re

JPEG_END = b"\xff\xd9"

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed byte, a restart or padding
_BARE = (b"\xff\x01", b"\xff\xd8")  # markers without a length
_NO_SEGMENT = (0xD9, 0xDA)  # the end, and the scan, behind which no index is
_INDEX = b"\xff\xe2"  # marker of a segment that may be
_MORE_PICTURES = b"MPF\0"  # an index of further pictures behind the first


def image_end(data: bytes, kind: str) -> int | None:
    """Position after the last byte of the JPEG, PNG or WebP at the start of `data`.

    For bytes that a decoder has accepted. None where the end is missing, though the pixels were all there.
    """
    if kind == "JPEG":
        return _jpeg_end(data)
    if kind == "PNG":
        return _png_end(data)
    end = 8 + int.from_bytes(data[4:8], "little")
    return end if end <= len(data) else None


def _jpeg_end(data: bytes) -> int | None:
    position = 2
    while found := _MARKER.search(data, position):
        marker, position = found[0], found.end()
        if marker == JPEG_END:
            return position
        if marker in _BARE:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        position += max(2, length)
    return None


def first_picture(data: bytes, end: int) -> bytes:
    """A JPEG up to its first picture's `end`, without the index of those behind it, as phones write them."""
    position = 2
    while data[position : position + 1] == b"\xff" and data[position + 1] not in _NO_SEGMENT:
        after = position + 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
        if data.startswith(_INDEX, position) and data.startswith(_MORE_PICTURES, position + 4):
            return data[:position] + data[after:end]
        position = after
    return data[:end]


def _png_end(data: bytes) -> int | None:
    position = 8
    while position + 12 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if kind == b"IEND":
            return position
    return None
