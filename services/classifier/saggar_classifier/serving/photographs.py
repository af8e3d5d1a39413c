"""The photograph of a request: bytes that came with it, or an object of the store."""

from __future__ import annotations

from PIL import Image
from saggar.errors import InvalidInputError
from saggar.images import decode
from saggar.store import ObjectRef, ObjectStore

LARGEST_BYTES = 16 * 2**20


def from_bytes(data: bytes, enough_px: int | None, source: str = "") -> Image.Image:
    """Decode a photograph of at most 16 MiB, with `enough_px` or more on its shorter side where it has them.

    Raises InvalidInputError, which names `source` where it has a name.
    """
    if not data:
        raise InvalidInputError(f"{source or 'the image'} is empty; send the bytes of a JPEG, PNG, WebP or TIFF file")
    _check_size(len(data), source or "the image")
    return decode(data, source, enough_px=enough_px)


def read_from(store: ObjectStore, ref: ObjectRef) -> bytes:
    """A stored photograph, still encoded. Raises InvalidInputError above 16 MiB, unread, and as the store."""
    _check_size(ref.size_bytes, ref.key)
    return store.read(ref)


def _check_size(size_bytes: int, source: str) -> None:
    if size_bytes > LARGEST_BYTES:
        raise InvalidInputError(
            f"{source} has {size_bytes / 2**20:.1f} MiB; at most {LARGEST_BYTES // 2**20} MiB are taken: "
            "reduce it first"
        )
