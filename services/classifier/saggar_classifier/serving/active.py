"""Which bundle was activated last, kept in the store so that all replicas, and restarted ones, serve it.

Nothing in the store is overwritten, so every activation is a new key, `classifier/active/<counter>.json`; the
highest counts.
"""

from __future__ import annotations

import json

from saggar.errors import AlreadyExistsError, DataCorruptionError
from saggar.store import ObjectRef, ObjectStore

FOLDER = "classifier/active/"


def remember(store: ObjectStore, bundle: ObjectRef) -> int:
    """Make `bundle` the one that every classifier serves; the number of this activation."""
    number = newest(store) + 1
    while True:
        try:
            store.put(_key(number), note_of(bundle), "application/json")
        except AlreadyExistsError:  # a replica was quicker; this activation is the later one
            number += 1
        else:
            return number


def newest(store: ObjectStore) -> int:
    """The number of the latest activation; 0 where there was none."""
    numbers = (key.removeprefix(FOLDER).removesuffix(".json") for key in store.list(FOLDER))
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def note_of(bundle: ObjectRef) -> bytes:
    """What is written down for an activation of `bundle`."""
    return json.dumps(bundle.to_json(), sort_keys=True).encode()


def note(store: ObjectStore, number: int) -> bytes:
    """What was written down for an activation; NotFoundError where it was deleted since."""
    return store.get(_key(number))


def read(store: ObjectStore, number: int) -> ObjectRef:
    """The bundle of an activation; DataCorruptionError when its note cannot be read."""
    return bundle_of(note(store, number), number)


def bundle_of(content: bytes, number: int) -> ObjectRef:
    """The bundle that a note names; DataCorruptionError when it cannot be read."""
    try:
        return ObjectRef.from_json(json.loads(content))
    except (ValueError, DataCorruptionError) as error:
        raise DataCorruptionError(f"{_key(number)}: not a reference ({error}); activate a model again") from error


def _key(number: int) -> str:
    return f"{FOLDER}{number:012d}.json"
