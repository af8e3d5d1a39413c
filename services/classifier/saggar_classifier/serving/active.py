"""Which bundle was activated last, kept in the store so that a restarted classifier serves it again.

Nothing in the store is overwritten, so every activation is a new key, `classifier/active/<counter>.json`; the
highest counts.
"""

from __future__ import annotations

import json

from saggar.errors import AlreadyExistsError, DataCorruptionError
from saggar.store import ObjectRef, ObjectStore

FOLDER = "classifier/active/"


def remember(store: ObjectStore, bundle: ObjectRef) -> None:
    """Make `bundle` the one that a restarted classifier serves."""
    content = json.dumps(bundle.to_json(), sort_keys=True).encode()
    number = _newest(store) + 1
    while True:
        try:
            store.put(f"{FOLDER}{number:012d}.json", content, "application/json")
        except AlreadyExistsError:  # a replica was quicker; this activation is the later one
            number += 1
        else:
            return


def recall(store: ObjectStore) -> ObjectRef | None:
    """The bundle that was activated last, or None; DataCorruptionError when its note cannot be read."""
    number = _newest(store)
    if number == 0:
        return None
    key = f"{FOLDER}{number:012d}.json"
    try:
        return ObjectRef.from_json(json.loads(store.get(key)))
    except (ValueError, DataCorruptionError) as error:
        raise DataCorruptionError(f"{key}: not a reference ({error}); activate a model again") from error


def _newest(store: ObjectStore) -> int:
    numbers = (key.removeprefix(FOLDER).removesuffix(".json") for key in store.list(FOLDER))
    return max((int(number) for number in numbers if number.isdigit()), default=0)
