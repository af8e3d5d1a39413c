"""Finds pictures again: by equal pixels, or by perceptual hashes that are close, mirrored ones too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.duplicates.perceptual import look_alike
from saggar.duplicates.search import POSSIBLE_BITS, pack

from saggar_qc.picture.picture import Picture

_WORDS = 4  # of 64 bits: a hash
_NOT_ASKED = 1 << 20  # bits: farther than any hash


@dataclass(frozen=True)
class Found:
    """An earlier picture that is the same, and how that is known."""

    name: str
    distance_bits: int  # 0 for equal pixels
    same_pixels: bool = False
    mirrored: bool = False

    @property
    def words(self) -> str:
        if self.same_pixels:
            return f"same pixels as {self.name}"
        bits = "1 bit" if self.distance_bits == 1 else f"{self.distance_bits} bits"
        return f"perceptual hash{' of its mirror image' if self.mirrored else ''} is {bits} from {self.name}"


class PictureIndex:
    """Pictures by their hashes and thumbnails; some 3 kB each."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._by_pixels: dict[bytes, int] = {}
        self._hashes = np.empty((1024, _WORDS), dtype=np.uint64)
        self._hashed: list[int] = []  # positions of those that have a hash
        self._tags: list[str] = []  # of those
        self._thumbnails: list[npt.NDArray[np.uint8]] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(self, picture: Picture, name: str, tag: str = "") -> None:
        """`name` is what `find` answers, `tag` what it may be asked for."""
        position = len(self._names)
        self._names.append(name)
        self._by_pixels.setdefault(bytes.fromhex(picture.pixels_sha256), position)
        if picture.phash is None:
            return
        if len(self._hashed) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[len(self._hashed)] = pack([picture.phash])[0]
        self._hashed.append(position)
        self._tags.append(tag)
        self._thumbnails.append(picture.thumbnail)

    def find(self, picture: Picture, distance_bits: int, tag: str | None = None) -> Found | None:
        """A picture with equal pixels; else the nearest by hash, within `distance_bits` of 256, of those with `tag` if
        one is given.

        Beyond `distance_bits`, up to `near_duplicates.POSSIBLE_BITS`, the thumbnails decide.
        """
        position = self._by_pixels.get(bytes.fromhex(picture.pixels_sha256))
        if position is not None:
            return Found(self._names[position], 0, same_pixels=True)
        return self._near(picture.phash, picture.thumbnail, distance_bits, tag, mirrored=False) or self._near(
            picture.mirrored_phash, picture.thumbnail[:, ::-1], distance_bits, tag, mirrored=True
        )

    def _near(
        self,
        phash: str | None,
        thumbnail: npt.NDArray[np.uint8],
        distance_bits: int,
        tag: str | None,
        *,
        mirrored: bool,
    ) -> Found | None:
        if phash is None or not self._hashed:
            return None
        hashes = self._hashes[: len(self._hashed)]
        distances = np.bitwise_count(hashes ^ pack([phash])[0]).sum(axis=1, dtype=np.int64)
        if tag is not None:
            distances[[each != tag for each in self._tags]] = _NOT_ASKED
        for nearest in np.argsort(distances, kind="stable")[:3]:
            distance = int(distances[nearest])
            seen = self._thumbnails[nearest].astype(np.float32)
            possible = distance <= POSSIBLE_BITS and look_alike(thumbnail.astype(np.float32), seen)
            if distance <= distance_bits or (possible and distance_bits > 0):
                return Found(self._names[self._hashed[nearest]], distance, mirrored=mirrored)
        return None
