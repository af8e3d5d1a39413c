"""The data sets of a store: which were imported, which experiments made, and what is in one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from saggar.store import ObjectStore
from saggar.stored_datasets import manifest_key, read_manifest

_SHA256 = re.compile("[0-9a-f]{64}")
_ID_LENGTH = 16


@dataclass(frozen=True)
class Collection:
    """What is in a data set."""

    dataset: str
    photographs: int
    objects: int
    synthetic: int
    split: str  # yes or no
    labels: str  # tasks, with commas


def known_datasets(store: ObjectStore) -> list[str]:
    """Ids of all data sets."""
    keys = (key.split("/") for key in store.list("datasets/"))
    return [parts[1] for parts in keys if parts[2:] == ["manifest.parquet"]]


def imported(store: ObjectStore, summarise: Callable[[str], Collection] | None = None) -> list[Collection]:
    """Data sets with photographs that no experiment has made: not what is listed of a folder for its review.

    `summarise`: in place of `summary`, for what was read before.
    """
    derived, read = _made_by_steps(store), summarise or partial(summary, store)
    found = (read(identity) for identity in sorted(known_datasets(store)) if identity not in derived)
    return [each for each in found if each.photographs]


def summary(store: ObjectStore, identity: str) -> Collection:
    """NotFoundError for no data set."""
    manifest = read_manifest(store, store.stat(manifest_key(identity)))
    origins = manifest.frame["origin"].value_counts()
    splits = {str(name) for name in manifest.frame["split"].dropna().unique()} - {""}
    return Collection(
        dataset=identity,
        photographs=int(origins.get("real", 0)),
        objects=int(manifest.frame["object_id"].nunique()),
        synthetic=int(origins.get("synthetic", 0)),
        split="yes" if len(splits) > 1 else "no",
        labels=", ".join(manifest.tasks),
    )


def _made_by_steps(store: ObjectStore) -> set[str]:
    """Data sets that steps have made or were given, but for what was imported."""
    made: set[str] = set()
    imported: set[str] = set()
    for key in store.list("steps/"):
        if key.endswith(".json"):
            record = json.loads(store.get(key))
            found = set(_dataset_ids(record.get("result"))) | set(_dataset_ids(record.get("inputs")))
            (imported if record.get("kind") == "import" else made).update(found)
    return made - imported


def _dataset_ids(value: Any) -> list[str]:
    """The beginnings of all SHA-256 in a step's values, at any depth: a data set is called by that of its manifest."""
    if isinstance(value, str):
        return [value[:_ID_LENGTH]] if _SHA256.fullmatch(value) else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for part in parts for each in _dataset_ids(part)]
