"""The photograph of a request: bytes that came with it, or an object of the store."""

from __future__ import annotations

from PIL import Image
from saggar.errors import InvalidInputError
from saggar.images import decode
from saggar.store import ObjectRef, ObjectStore

LARGEST_BYTES = 16 * 2**20


def from_bytes(data: bytes, enough_px: int | None) -> Image.Image:
    """Decode a photograph of at most 16 MiB, with `enough_px` or more on its shorter side where it has them.

    Raises InvalidInputError.
    """
    if not data:
        raise InvalidInputError("the image is empty; send the bytes of a JPEG, PNG, WebP or TIFF file")
    _check_size(len(data), "the image")
    return decode(data, "the image", enough_px=enough_px)


def from_store(store: ObjectStore, ref: ObjectRef, enough_px: int | None) -> Image.Image:
    """As `from_bytes`, of a stored photograph; raises the store's errors too."""
    _check_size(ref.size_bytes, ref.key)
    return decode(store.read(ref), ref.key, enough_px=enough_px)


def _check_size(size_bytes: int, source: str) -> None:
    if size_bytes > LARGEST_BYTES:
        raise InvalidInputError(
            f"{source} has {size_bytes / 2**20:.1f} MiB; at most {LARGEST_BYTES // 2**20} MiB are taken: "
            "reduce it first"
        )
