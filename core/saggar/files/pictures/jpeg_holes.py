"""Holes in a JPEG: runs of zeros where a copy failed, or of ones where a memory card lost a block.

Decoders make grey or stripes of them in silence.
"""

from __future__ import annotations

import re

_HOLE = bytes(64)  # hundreds of equal bits; no encoder writes them but for a flat area
_ERASED = b"\xff" * 64  # within a scan 0xff has a zero behind it
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed byte, a restart or padding
_BARE = (0x01, 0xD8)  # markers without a length
_TABLES, _SCAN, _END = 0xC4, 0xDA, 0xD9
_BEHIND_A_SCAN = {_TABLES, _SCAN, _END, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}  # padding may be before these
_ARITHMETIC = range(0xC9, 0xD0)  # frames whose bits are no codes
_LONGEST_RUN = 0xF0  # symbol of sixteen coefficients that are 0, which does not end a block


def has_hole(data: bytes) -> bool:
    """Whether a scan of the JPEG has a run of ones, or one of zeros that stands for no flat area in the scan's codes.

    Codes are Huffman's in canonical order (ITU T.81, annex C): zeros are the first symbol of a table. What they say is
    flat where that symbol is "no change" and "end of block".
    """
    if _HOLE not in data and _ERASED not in data:
        return False
    first: dict[int, int] = {}  # symbol that zeros stand for, by class (0x00: DC, 0x10: AC) and number of the table
    position = 2
    while found := _MARKER.search(data, position):
        marker, position = found[0][1], found.end()
        if marker in _BARE:
            continue
        if marker == _END or marker in _ARITHMETIC:
            return False
        segment = data[position + 2 : position + int.from_bytes(data[position : position + 2], "big")]
        position += 2 + len(segment)
        if marker == _TABLES:
            first |= _first_symbols(segment)
        elif marker == _SCAN:
            following = _MARKER.search(data, position)
            coded = data[position : following.start() + 1 if following else None]
            if _HOLE in coded and not _zeros_are_flat(segment, first):
                return True
            padded = following is None or following[0][1] in _BEHIND_A_SCAN
            if _ERASED in (coded.rstrip(b"\xff") if padded else coded):
                return True
    return False


def _first_symbols(segment: bytes) -> dict[int, int]:
    found: dict[int, int] = {}
    place = 0
    while place + 17 < len(segment):
        found[segment[place]] = segment[place + 17]
        place += 17 + sum(segment[place + 1 : place + 17])
    return found


def _zeros_are_flat(header: bytes, first: dict[int, int]) -> bool:
    """By a scan's header: its components with their tables, the coefficients, and whether they are refined."""
    if not header or len(header) < 4 + 2 * header[0]:
        return True
    begin, end, refined = header[1 + 2 * header[0]], header[2 + 2 * header[0]], header[3 + 2 * header[0]] >> 4
    for tables in header[2 : 2 + 2 * header[0] : 2]:
        dc, ac = first.get(tables >> 4, 0), first.get(0x10 | tables & 0xF, 0)
        if begin == 0 and not refined and dc:
            return False
        if end and (ac & 0xF or ac == _LONGEST_RUN):
            return False
    return True
