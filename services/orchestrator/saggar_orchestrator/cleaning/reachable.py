"""What of a store nothing refers to any more.

Work leaves objects that only its results name. Where an experiment is deleted, or a step came out otherwise, nothing
names them any more. Kept are: all that is not made by work (experiments, reviews, the serving model, imported adapters,
photographs with their data sets), all that these name, by whatever way, and what is young: it may be work under way,
whose result is written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from saggar.store import Entry, ListedStore

from saggar_orchestrator.cleaning.mentions import Index, has_made_rows, strings_in, strings_of

# Notes by which work is found again: they keep nothing, and stay as long as all that they name does.
NOTES = ("steps", "results", "generated")
# Made by work, and made again where it is needed again.
MADE = (
    *NOTES,
    "plans",
    "histories",
    "evaluations",
    "features",
    "checkpoints",
    "bundles",
    "adapters",
    "datasets",
    "images",
)
# What workers look for by themselves while they work: nobody else can tell what a step under way has found there.
_FOUND_BY_WORKERS = ("results", "generated", "bundles", "adapters", "images", "features", "checkpoints")


@dataclass(frozen=True)
class Circumstances:
    """`mentioned`: JSON values whose strings name objects, beside those of the store; `steps_under_way`: what workers
    might find again is kept; `resumable`: an experiment may go on from its checkpoints.
    """

    now: float
    older_than_s: float
    mentioned: tuple[object, ...] = ()
    steps_under_way: bool = False
    resumable: bool = False


def unreferenced(store: ListedStore, under: Circumstances) -> list[Entry]:
    """All objects that nothing refers to, notes first: if their deletion is broken off, no note names what is gone."""
    index = Index.of(store.entries(""))
    kept = _reached(store, index, _roots(store, index, under))
    kept |= _notes(store, index, kept) | _features(index, kept)
    found = [entry for entry in index.entries.values() if _folder(entry.key) in MADE and entry.key not in kept]
    return sorted(found, key=lambda entry: (MADE.index(_folder(entry.key)), entry.key))


def _roots(store: ListedStore, index: Index, under: Circumstances) -> Iterator[str]:
    for text in (text for value in under.mentioned for text in strings_of(value)):
        yield from index.named_by(text)
    for key, entry in index.entries.items():
        if under.now - entry.modified < under.older_than_s or _is_kept_by_itself(store, key, under):
            yield from (key, *index.named_by(key))


def _is_kept_by_itself(store: ListedStore, key: str, under: Circumstances) -> bool:
    folder = _folder(key)
    if folder not in MADE or (under.steps_under_way and folder in _FOUND_BY_WORKERS):
        return True
    if folder == "checkpoints":
        return under.resumable
    if folder == "adapters":
        return key.endswith("/imported.safetensors")
    return folder == "datasets" and key.endswith("/manifest.parquet") and not has_made_rows(store, key)


def _reached(store: ListedStore, index: Index, roots: Iterable[str]) -> set[str]:
    kept: set[str] = set()
    waiting = list(roots)
    while waiting:
        key = waiting.pop()
        if key in kept:
            continue
        kept.add(key)
        for text in strings_in(store, key):
            waiting += index.named_by(text)
    return kept


def _notes(store: ListedStore, index: Index, kept: set[str]) -> set[str]:
    """Notes of work that is all there still."""
    found = set()
    for key in index.entries:
        if key not in kept and _folder(key) in NOTES:
            named = {text for text in strings_in(store, key) if text in index.entries}
            if named and named <= kept:
                found.add(key)
    return found


def _features(index: Index, kept: set[str]) -> set[str]:
    """Of images that are kept."""
    images = {_stem(key) for key in kept if _folder(key) == "images"}
    return {key for key in index.entries if _folder(key) == "features" and _stem(key) in images}


def _folder(key: str) -> str:
    return key.partition("/")[0]


def _stem(key: str) -> str:
    return key.rpartition("/")[2].partition(".")[0]
