"""results.json of a finished experiment: what it found, as reports, tables and lists show it."""

from __future__ import annotations

import json
from typing import Any

from saggar.errors import DataCorruptionError
from saggar.store import ObjectStore

SCHEMA = 3  # goes up when what is in it changes


def results_key(identity: str) -> str:
    return f"experiments/{identity}/results.json"


def read_results(store: ObjectStore, identity: str) -> dict[str, Any]:
    """Raises NotFoundError, and DataCorruptionError for a file that this version has not written."""
    key = results_key(identity)
    try:
        found = json.loads(store.get(key))
        known = found["schema"] == SCHEMA
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise DataCorruptionError(
            f"{key} of the store is damaged, or of another version of Saggar: `saggar experiment delete {identity}`, "
            f"then run the experiment's file again, which finds its finished steps"
        )
    return dict(found)
