"""`saggar data list`: the data sets of the store."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.identities import ids_in
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, print_table, say, settings

if TYPE_CHECKING:
    from saggar.store import ObjectStore

_SHA256 = re.compile("[0-9a-f]{64}")
_ID_LENGTH = 16


def list_collections(
    context: typer.Context,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what experiments made of them: splits, mixes, generated images.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lists the data sets of this home."""
    store = open_home_store(settings(context).home)
    ids = ids_in(store.list("datasets/"), "manifest.parquet")
    derived = _made_by_steps(store)
    shown = [identity for identity in ids if everything or identity not in derived]
    rows = [_summary(store, identity) for identity in shown]
    if as_json:
        print_json(rows)
        return
    names = ("data set", "photographs", "objects", "synthetic", "split", "labels")
    print_table(names, [(r["dataset"], *(f"{r[n]:,}" for n in names[1:4]), r["split"], r["labels"]) for r in rows])
    if not rows:
        say("no data set yet: `saggar data import` brings photographs in")
    elif hidden := len(ids) - len(rows):
        say(f"{hidden:,} more were made by experiments; --all shows them")


def _summary(store: ObjectStore, identity: str) -> dict[str, Any]:
    from saggar.stored_datasets import manifest_key, read_manifest

    manifest = read_manifest(store, store.stat(manifest_key(identity)))
    origins = manifest.frame["origin"].value_counts()
    splits = {str(name) for name in manifest.frame["split"].dropna().unique()} - {""}
    return {
        "dataset": identity,
        "photographs": int(origins.get("real", 0)),
        "objects": int(manifest.frame["object_id"].nunique()),
        "synthetic": int(origins.get("synthetic", 0)),
        "split": "yes" if len(splits) > 1 else "no",
        "labels": ", ".join(manifest.tasks),
    }


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
