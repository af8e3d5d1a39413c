"""The adapters of a store, and how they are asked for: `ID`, or `ID=WEIGHT`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from saggar.errors import InvalidInputError, NotFoundError
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.v1 import generator_pb2

_SHORTEST = 4  # characters of an id that may stand for it


@dataclass(frozen=True)
class AdapterEntry:
    """An adapter of the store; `card` is its adapter.json."""

    adapter_id: str
    reference: ObjectRef
    card: dict[str, Any]

    @property
    def base_model(self) -> str:
        return str(self.card["base_model"])

    @property
    def learnt_words(self) -> dict[str, str]:
        """The phrases that its new words stand for, by word."""
        learnt = self.card.get("learnt_words") or {"words": ()}
        return {one["word"]: one["phrase"] for one in learnt["words"]}


def known_adapters(store: ObjectStore) -> list[AdapterEntry]:
    """All finished adapters, by id."""
    keys = [key for key in store.list("adapters/") if key.endswith("/adapter.json")]
    return [_entry(store, key) for key in keys]


def find_adapter(store: ObjectStore, identity: str) -> AdapterEntry:
    """The adapter whose id begins with `identity`. Raises NotFoundError, InvalidInputError for several."""
    prefix = f"adapters/{identity}" if len(identity) >= _SHORTEST else "adapters/?"
    found = [key for key in store.list("adapters/") if key.startswith(prefix) and key.endswith("/adapter.json")]
    if not found:
        raise NotFoundError(f"no adapter '{identity}'; `saggar generator adapters` lists them", identity)
    if len(found) > 1:
        ids = ", ".join(key.split("/")[1] for key in found)
        raise InvalidInputError(f"'{identity}' stands for several adapters: {ids}; write more of the id")
    return _entry(store, found[0])


def adapter_uses(store: ObjectStore, texts: list[str]) -> tuple[list[AdapterEntry], list[generator_pb2.AdapterUse]]:
    """What `ID=WEIGHT` texts ask for; prompts name an adapter by the id that was written.

    Raises NotFoundError, and InvalidInputError for a weight that is no number, an adapter named twice, or
    adapters of different base models.
    """
    entries, uses = [], []
    for text in texts:
        name, _, weight = text.partition("=")
        entry = find_adapter(store, name)
        entries.append(entry)
        use = generator_pb2.AdapterUse(name=name, adapter=ref_to_proto(entry.reference))
        if weight:
            try:
                use.weight = float(weight)
            except ValueError:
                raise InvalidInputError(f"--adapter {text}: '{weight}' is no number; write e.g. {name}=0.6") from None
        uses.append(use)
    bases = {entry.card["base_hash"]: entry.base_model for entry in entries}
    if len(bases) > 1:
        raise InvalidInputError(
            f"these adapters are for different base models ({', '.join(sorted(bases.values()))}) and cannot be mixed"
        )
    if len({entry.adapter_id for entry in entries}) < len(entries):
        raise InvalidInputError("an adapter is named twice; add up its weights instead")
    return entries, uses


def _entry(store: ObjectStore, key: str) -> AdapterEntry:
    return AdapterEntry(key.split("/")[1], store.stat(key), json.loads(store.get(key)))
