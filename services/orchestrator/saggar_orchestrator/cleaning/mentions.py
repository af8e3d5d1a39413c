"""Which objects of a store a JSON value, a manifest or another object names: by key, by id, or by an image's hash."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pandas as pd
from saggar.errors import NotFoundError
from saggar.store import Entry, ListedStore

# Objects of one thing, which are there together or not at all: `bundles/<id>/...`.
_THINGS = ("adapters", "bundles", "datasets", "reviews")


@dataclass
class Index:
    """The keys of a store by what may name them."""

    entries: dict[str, Entry]
    by_name: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Index:
        found = cls({entry.key: entry for entry in entries})
        for key in found.entries:
            for name in _names(key):
                found.by_name.setdefault(name, []).append(key)
        return found

    def named_by(self, text: str) -> Iterator[str]:
        """Keys that a string names, with all of the thing that they are part of."""
        plain = text.removeprefix("store:")
        for key in (plain, f"images/{plain}"):
            if key in self.entries:
                yield key
                yield from self.by_name.get(_thing(key), ())
        yield from self.by_name.get(plain, ())


def strings_of(value: object) -> Iterator[str]:
    """All strings of a JSON value, keys of objects too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from strings_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings_of(part)


def strings_in(store: ListedStore, key: str) -> Iterator[str]:
    """All strings of an object of JSON, or of a table's columns of text; none of other kinds, nor of one that is gone
    or damaged: who reads it will say so.
    """
    try:
        if key.endswith(".json"):
            yield from strings_of(json.loads(store.get(key)))
        elif key.endswith(".parquet"):
            table = _table(store, key)
            for name in table.select_dtypes(exclude="number"):
                yield from {text for text in table[name] if isinstance(text, str)}
    except (NotFoundError, ValueError, OSError):  # of pyarrow: ArrowInvalid is a ValueError
        return


def has_made_rows(store: ListedStore, key: str) -> bool:
    """Whether a manifest has rows that work made: all others list photographs, which people imported."""
    try:
        return bool(set(_table(store, key)["origin"]) - {"real"})
    except (NotFoundError, KeyError, ValueError, OSError):
        return False


def _table(store: ListedStore, key: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(store.get(key)))


def _names(key: str) -> Iterator[str]:
    """What else than its key names an object: the id of the thing or step that it is, or its image's hash."""
    folder, _, rest = key.partition("/")
    if folder in _THINGS:
        yield _thing(key)
        yield rest.partition("/")[0]
    elif folder == "images":
        yield rest.rpartition("/")[2].partition(".")[0]
    elif folder == "steps":
        yield rest.removesuffix(".json")


def _thing(key: str) -> str:
    """`bundles/<id>/` of `bundles/<id>/bundle.json`; empty for an object that is a thing by itself."""
    folder, _, rest = key.partition("/")
    return f"{folder}/{rest.partition('/')[0]}/" if folder in _THINGS else ""
