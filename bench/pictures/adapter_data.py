"""What the generator's benches train adapters on: a drawn collection, split and chosen from as ever.

A module of the other benches; by itself it says how many photographs of rare pairs an adapter gets to see.
"""

import json
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from saggar.dataset.adapter_rows.selection import select_for_adapter
from saggar.dataset.manifest import Manifest
from saggar.dataset.split import split
from saggar.importing.intake import import_csv
from saggar.kilnsim import CONFUSION_PAIRS, KILNSIM, RARE_COMBINATIONS, write_collection
from saggar.kilnsim.pieces import RARE_PAIRS
from saggar.store import DirectoryStore, ObjectRef, ObjectStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("kilnsim")


@dataclass(frozen=True)
class Chosen:
    """An adapter's manifest; how many rows it has, and how many real training photographs of each rare pair
    ("glaze type") are behind them.
    """

    manifest: ObjectRef
    images: int
    rare_photographs: dict[str, int]


def choose(
    store: ObjectStore,
    work: Path,
    images: int,
    *,
    collection: int = 1200,
    seed: int = 7,
    size_px: int = 64,
    without_rare: bool = False,
) -> Chosen:
    """The adapter's `images` of a collection of `collection` objects: the training split's, by seven
    priorities; `without_rare` leaves out those of the rare glaze-type pairs.
    """
    folder = work / f"collection-{collection}-{seed}-{size_px}"
    labels = write_collection(folder, collection, seed, size_px, KILNSIM)
    divided = split(import_csv(folder, labels, TAXONOMY, store).manifest, 0)
    if without_rare:
        divided = divided.take(~_is_rare(divided))
    pairs = [
        ({"glaze": one[0], "type": one[1]}, {"glaze": other[0], "type": other[1]}) for one, other in CONFUSION_PAIRS
    ]
    chosen = select_for_adapter(divided, TAXONOMY, images, 0, confusion_pairs=pairs)
    training = divided.select(split="train", origin="real")
    known = Counter(f"{row.labels['glaze']} {row.labels['type']}" for row in training.records())
    rare = {f"{glaze} {kind}": known[f"{glaze} {kind}"] for _, _, glaze, kind in RARE_COMBINATIONS}
    return Chosen(write_manifest(store, chosen), len(chosen), rare)


def _is_rare(manifest: Manifest) -> np.ndarray:
    glaze, kind = (manifest.labels(task) for task in ("glaze", "type"))
    return np.array([pair in RARE_PAIRS for pair in zip(glaze, kind, strict=True)], dtype=np.bool_)


def main() -> None:
    """Choose for the product's and for held-back rare pairs."""
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder) / "store")
        chosen = choose(store, Path(folder), 400)
    counts = {"images": chosen.images, "rare_photographs": chosen.rare_photographs}
    print(json.dumps({"bench": "adapter_data"} | counts))


if __name__ == "__main__":
    main()
