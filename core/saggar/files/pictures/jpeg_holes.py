"""Holes in a JPEG: runs of zeros where a copy failed, or of ones where a memory card lost a block.

Decoders make grey or stripes of them in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HOLE = bytes(64)  # hundreds of equal bits; no encoder writes them but for a flat area
_ERASED = b"\xff" * 64  # within a scan 0xff has a zero behind it
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed byte, a restart or padding
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_BARE = (0x01, 0xD8)  # markers without a length
_TABLES, _SCAN, _END = 0xC4, 0xDA, 0xD9
_BEHIND_A_SCAN = {_TABLES, _SCAN, _END, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}  # padding may be before these
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = (*_SEQUENTIAL, 0xC2)
_ARITHMETIC = range(0xC9, 0xD0)  # frames whose bits are no codes
_LONGEST_RUN = 0xF0  # symbol of sixteen coefficients that are 0, which does not end a block


@dataclass(frozen=True)
class _Scan:
    """`coded`: its data, which begin at `start` of the file. `first`: the symbol that zeros stand for, by class (0x00:
    DC, 0x10: AC) and number of the table. `frame`: the marker of its frame; `padded`: ones may follow its data.
    """

    header: bytes
    start: int
    coded: bytes
    first: Mapping[int, int]
    frame: int
    padded: bool


def has_hole(data: bytes) -> bool:
    """Whether a scan of the JPEG has a run of ones, or one of zeros that stands for no flat area in the scan's codes.

    Codes are Huffman's in canonical order (ITU T.81, annex C): zeros are the first symbol of a table. What they say is
    flat where that symbol is "no change" and "end of block". Whether such zeros were there from the first or hide a
    hole is not seen here: `jpeg_steps.out_of_step` tells that of sequential scans, nothing that of progressive ones.
    """
    if _HOLE not in data and _ERASED not in data:
        return False
    for scan in _scans(data):
        if _HOLE in scan.coded and not _zeros_are_flat(scan.header, scan.first):
            return True
        if _ERASED in (scan.coded.rstrip(b"\xff") if scan.padded else scan.coded):
            return True
    return False


def flat_stretches(data: bytes) -> Iterator[tuple[int, int]]:
    """(begin, end) of the stretches of sequential scans, from one restart to the next, that have a run of zeros."""
    if _HOLE not in data:
        return
    for scan in _scans(data):
        if scan.frame not in _SEQUENTIAL or _HOLE not in scan.coded:
            continue
        begin = 0
        for end in [*(found.start() for found in _RESTART.finditer(scan.coded)), len(scan.coded)]:
            stretch = scan.coded[begin:end].rstrip(b"\xff")
            if _HOLE in stretch:
                yield scan.start + begin, scan.start + begin + len(stretch)
            begin = end + 2


def _scans(data: bytes) -> Iterator[_Scan]:
    first: dict[int, int] = {}
    position, frame = 2, 0
    while found := _MARKER.search(data, position):
        marker, position = found[0][1], found.end()
        if marker in _BARE:
            continue
        if marker == _END or marker in _ARITHMETIC:
            return
        segment = data[position + 2 : position + int.from_bytes(data[position : position + 2], "big")]
        position += 2 + len(segment)
        if marker == _TABLES:
            first |= _first_symbols(segment)
        elif marker in _FRAMES:
            frame = marker
        elif marker == _SCAN:
            following = _MARKER.search(data, position)
            coded = data[position : following.start() + 1 if following else None]
            padded = following is None or following[0][1] in _BEHIND_A_SCAN
            yield _Scan(segment, position, coded, first, frame, padded)


def _first_symbols(segment: bytes) -> dict[int, int]:
    found: dict[int, int] = {}
    place = 0
    while place + 17 < len(segment):
        found[segment[place]] = segment[place + 17]
        place += 17 + sum(segment[place + 1 : place + 17])
    return found


def _zeros_are_flat(header: bytes, first: Mapping[int, int]) -> bool:
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
