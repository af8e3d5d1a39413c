"""Taking out of a store what nothing refers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from saggar.progress import Progress, Report
from saggar.store import Entry, ListedStore

_EVERY = 500  # objects between two reports


@dataclass(frozen=True)
class FolderCount:
    """Objects of one of the store's first folders, and their size together."""

    name: str
    objects: int
    size_bytes: int


@dataclass(frozen=True)
class Cleaned:
    """What nothing refers to, by folder, and whether it was deleted. `is_partial`: steps were under way, so that what
    workers may find again was left.
    """

    folders: tuple[FolderCount, ...]
    deleted: bool
    is_partial: bool

    @classmethod
    def of(cls, entries: Sequence[Entry], *, deleted: bool, is_partial: bool) -> Cleaned:
        objects, sizes = Counter[str](), Counter[str]()
        for entry in entries:
            folder = entry.key.partition("/")[0]
            objects[folder] += 1
            sizes[folder] += entry.size_bytes
        folders = tuple(FolderCount(name, objects[name], sizes[name]) for name in sorted(sizes))
        return cls(folders, deleted, is_partial)


def take_out(store: ListedStore, entries: Sequence[Entry], report: Report) -> list[Entry]:
    """Deletes `entries` in their order, but for what somebody has put again since; returns what is gone."""
    gone = []
    for number, entry in enumerate(entries):
        if number % _EVERY == 0:
            report(Progress("deleting", number, len(entries), "objects"))
        now = next((each for each in store.entries(entry.key) if each.key == entry.key), None)
        if now is not None and now.modified == entry.modified:
            store.delete(entry.key)
            gone.append(entry)
    return gone
