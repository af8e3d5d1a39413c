"""Photographs that a picture may be a copy of: found among thousands by one matrix product, kept on disk.

Small grey thumbnails of the picture, turned, mirrored and cut, are compared with those of all photographs. That does
not depend on any network, nor on colours.
"""

from __future__ import annotations

import tempfile
import weakref

import numpy as np
import numpy.typing as npt
from PIL import Image

from saggar_qc.picture.turning import MOST_DEGREES, Grey

_SIDE = 16
_DEGREES = np.arange(-MOST_DEGREES, MOST_DEGREES + 0.1, 5.0)
_CUTS = (1.0, 0.9)  # of the thumbnail's side, from its middle; of the photographs'
_LEAST_CORRELATION = 0.5

Thumbnails = npt.NDArray[np.float16]  # [N, 256], each of length 1


class Likenesses:
    """Small copies of photographs, in a file; thumbnails of them, 1 KB each, in memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 as long as its photographs are asked for
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, tuple[int, int]]] = []
        self._end = 0
        self._rows: list[Thumbnails] = []
        self._stacked: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self._places)

    def add(self, grey: Grey) -> None:
        """The next photograph: its `turning.small_grey`."""
        self._file.seek(self._end)
        self._file.write(grey.tobytes())
        self._places.append((self._end, (grey.shape[0], grey.shape[1])))
        self._end += grey.size
        self._rows.append(np.stack([_thumbnail(Image.fromarray(grey), cut) for cut in _CUTS]).astype(np.float16))
        self._stacked = None

    def __getitem__(self, position: int) -> Grey:
        """The small copy of the photograph at `position`."""
        start, shape = self._places[position]
        self._file.seek(start)
        return np.frombuffer(self._file.read(shape[0] * shape[1]), dtype=np.uint8).reshape(shape)

    def nearest(self, grey: Grey, count: int) -> list[int]:
        """Positions of at most `count` photographs whose thumbnails are most like the picture's in any of its turns,
        nearest first; none that is not like it at all.
        """
        if not self._places:
            return []
        if self._stacked is None:
            self._stacked = np.concatenate(self._rows).astype(np.float32)
        scores = (_turns(grey) @ self._stacked.T).max(axis=0).reshape(len(self), len(_CUTS)).max(axis=1)
        order = np.argsort(-scores, kind="stable")[:count]
        return [int(at) for at in order if scores[at] >= _LEAST_CORRELATION]


def _turns(grey: Grey) -> npt.NDArray[np.float32]:
    """[28, 256] thumbnails of the picture, turned and mirrored."""
    sides = (Image.fromarray(grey), Image.fromarray(np.ascontiguousarray(grey[:, ::-1])))
    return np.stack([
        _thumbnail(side.rotate(float(degrees), Image.Resampling.BILINEAR), cut)
        for side in sides for degrees in _DEGREES for cut in _CUTS
    ])  # fmt: skip


def _thumbnail(grey: Image.Image, cut: float) -> npt.NDArray[np.float32]:
    """[256] its middle, without mean, of length 1; zeros for a flat one."""
    x, y = grey.width * (1 - cut) / 2, grey.height * (1 - cut) / 2
    box = (x, y, grey.width - x, grey.height - y)
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box=box), dtype=np.float32).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 0 else small
