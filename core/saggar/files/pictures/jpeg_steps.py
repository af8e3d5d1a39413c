"""Whether a JPEG's codes and its picture end together, where a run of zeros may be a flat area or a hole.

A hole that is filled with zeros is read as some flat area, of another size than what was lost: what follows is read out
of step, and the picture is full before the codes end, or the other way round. Decoders say nothing of either.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from saggar.files.pictures.jpeg_holes import flat_stretches

_MOST = 4  # stretches that are tried, each by a few decodings at an eighth of the size
_OTHERS = (bytes(range(1, 129)), bytes(range(254, 126, -1)))  # no marker in them
_TAIL = 32  # bytes


def out_of_step(data: bytes) -> bool:
    """Whether a stretch of a sequential JPEG that has a run of zeros ends before its share of the picture does, or
    after it. False where there are more than a few such stretches (restart markers), which would take long, and where
    the file cannot be decoded, which is for others to say.

    More codes behind the stretch show in the picture where some are missing; others in place of its last do not where
    these are never read.
    """
    stretches = list(flat_stretches(data))
    try:
        return 0 < len(stretches) <= _MOST and _is_out_of_step(data, stretches)
    except OSError:
        return False


def _is_out_of_step(data: bytes, stretches: Sequence[tuple[int, int]]) -> bool:
    shown = _small(data)
    for begin, end in stretches:
        if _small(data[:end] + _OTHERS[0] + data[end:]) != shown:
            return True
        tail = min(_TAIL, (end - begin) // 2)
        if all(_small(data[: end - tail] + other[:tail] + data[end:]) == shown for other in _OTHERS):
            return True
    return False


def _small(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=("JPEG", "MPO")) as image:
        image.draft(None, (1, 1))  # an eighth: of each block its mean, for which all codes are read
        return image.tobytes()
