"""Where an image ends within its file: what follows is another file, hidden or left behind by a program."""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed byte, a restart or padding
_BARE = (b"\xff\x01", b"\xff\xd8")  # markers without a length
_MORE_PICTURES = b"MPF\0"  # a JPEG's index of further pictures behind the first: they belong to it


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
        if marker == b"\xff\xd9":
            return position
        if marker in _BARE:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if marker == b"\xff\xe2" and data.startswith(_MORE_PICTURES, position + 2):
            return len(data)
        position += max(2, length)
    return None


def _png_end(data: bytes) -> int | None:
    position = 8
    while position + 12 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if kind == b"IEND":
            return position
    return None
