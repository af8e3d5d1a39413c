"""Objects of the store as an adapter's card names them."""

from __future__ import annotations

from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict
from saggar.errors import AlreadyExistsError
from saggar.store import ObjectRef, ObjectStore


class StoredObject(PydanticModel):
    """An object of the store, as a card names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    sha256: str
    size_bytes: int
    media_type: str

    @classmethod
    def of(cls, ref: ObjectRef) -> StoredObject:
        return cls(**ref.to_json())

    def ref(self) -> ObjectRef:
        return ObjectRef.from_json(self.model_dump())


def put_once(store: ObjectStore, key: str, data: bytes, media_type: str) -> ObjectRef:
    """What is there already stays: a replica on other hardware, whose rounding differs, made the same."""
    try:
        return store.put(key, data, media_type)
    except AlreadyExistsError:
        return store.stat(key)
