"""PNG files whose bytes depend on nothing but the pixels.

Pillow's files depend on the version of the compression library behind it; a picture is stored under the hash
of its file, so the same picture would get another name on another machine. These are not compressed at all.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

_BLOCK = 65535  # the longest stored block of deflate


def encode_png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 [height, width, 3]."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each row begins with its filter, 0 for none
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    raw = rows.tobytes()
    starts = range(0, len(raw), _BLOCK)
    blocks = []
    for start in starts:
        part = raw[start : start + _BLOCK]
        last = start + _BLOCK >= len(raw)
        blocks.append(struct.pack("<BHH", last, len(part), len(part) ^ 0xFFFF) + part)
    stream = b"\x78\x01" + b"".join(blocks) + struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", stream), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
