"""Finished work is found again by its inputs: `results/trainer/<hash>.json` names its objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from saggar.errors import AlreadyExistsError, DataCorruptionError, NotFoundError
from saggar.store import ObjectRef, ObjectStore

# Goes up when the same request would give another result.
VERSION = 5


def request_hash(kind: str, inputs: Mapping[str, Any]) -> str:
    """Hash of everything that a result depends on; `inputs` must be JSON-ready."""
    text = json.dumps({"kind": kind, "version": VERSION, **inputs}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def find(store: ObjectStore, name: str) -> dict[str, Any] | None:
    """The result that was kept under `name`, or None."""
    key = _key(name)
    try:
        content = store.get(key)
    except NotFoundError:
        return None
    try:
        result = json.loads(content)
    except ValueError as error:
        raise DataCorruptionError(f"{key}: not JSON ({error}); delete it, then the work is done again") from error
    return dict(result)


def keep(store: ObjectStore, name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Keep `result` under `name`; where another worker was first, its result stands and is returned."""
    content = json.dumps(result, indent=1, sort_keys=True).encode()
    try:
        store.put(_key(name), content, "application/json")
    except AlreadyExistsError:
        return find(store, name) or dict(result)
    return dict(result)


def put_json(store: ObjectStore, folder: str, content: Mapping[str, Any]) -> ObjectRef:
    """`content` as `<folder>/<its hash>.json`."""
    return put_by_content(
        store, folder, json.dumps(content, indent=1, ensure_ascii=False).encode(), ".json", "application/json"
    )


def put_by_content(store: ObjectStore, folder: str, content: bytes, ending: str, media_type: str) -> ObjectRef:
    """`content` as `<folder>/<its hash><ending>`."""
    name = hashlib.sha256(content).hexdigest()[:16]
    return store.put(f"{folder}/{name}{ending}", content, media_type)


def _key(name: str) -> str:
    return f"results/trainer/{name}.json"
