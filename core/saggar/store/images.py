"""Images under the hash of their bytes: equal pictures are stored once."""

from __future__ import annotations

import hashlib

from saggar.store.objects import OCTETS, ObjectRef, ObjectStore, media_type_of


def put_image(store: ObjectStore, data: bytes, extension: str) -> ObjectRef:
    """Stores an encoded image under `images/<aa>/<sha256>.<extension>`. Raises as `ObjectStore.put`."""
    digest = hashlib.sha256(data).hexdigest()
    key = f"images/{digest[:2]}/{digest}.{extension.removeprefix('.').lower()}"
    return store.put(key, data, media_type_of(key, OCTETS))
