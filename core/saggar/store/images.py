"""Images under the hash of their bytes: equal pictures are stored once."""

from __future__ import annotations

import hashlib

from saggar.store.objects import OCTETS, ObjectRef, ObjectStore, media_type_of


def image_key(sha256: str, extension: str) -> str:
    """`images/<aa>/<sha256>.<extension>`."""
    return f"images/{sha256[:2]}/{sha256}.{extension.removeprefix('.').lower()}"


def put_image(store: ObjectStore, data: bytes, extension: str) -> ObjectRef:
    """Stores an encoded image under its `image_key`. Raises as `ObjectStore.put`."""
    key = image_key(hashlib.sha256(data).hexdigest(), extension)
    return store.put(key, data, media_type_of(key, OCTETS))
