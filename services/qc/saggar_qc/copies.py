"""Finds pictures again: by equal pixels, or by perceptual hashes that are close."""

from __future__ import annotations

import numpy as np

from saggar_qc.picture import Picture


class PictureIndex:
    """Pictures by their hashes; some 100 bytes each."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._by_pixels: dict[bytes, int] = {}
        self._hashes = np.empty(1024, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, picture: Picture, name: str) -> None:
        """`name` is what `find_same` and `find_near` answer."""
        position = len(self._names)
        if position == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[position] = picture.perceptual_hash
        self._by_pixels.setdefault(bytes.fromhex(picture.pixels_sha256), position)
        self._names.append(name)

    def find_same(self, picture: Picture) -> str | None:
        """Name of the first picture with the same pixels."""
        position = self._by_pixels.get(bytes.fromhex(picture.pixels_sha256))
        return None if position is None else self._names[position]

    def find_near(self, picture: Picture, distance_bits: int) -> tuple[str, int] | None:
        """Name of the nearest picture and its Hamming distance; None beyond `distance_bits`."""
        if not self._names:
            return None
        hashes = self._hashes[: len(self._names)]
        distances = np.bitwise_count(hashes ^ np.uint64(picture.perceptual_hash))
        nearest = int(distances.argmin())
        distance = int(distances[nearest])
        return (self._names[nearest], distance) if distance <= distance_bits else None
