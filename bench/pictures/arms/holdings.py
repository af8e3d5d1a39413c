"""What kilnsim_arms.py trains on and tests with: a long-tailed collection a data seed, fresh pieces for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from saggar.dataset.augment import expand_rare
from saggar.dataset.manifest import Manifest
from saggar.dataset.split import split
from saggar.importing.intake import import_csv
from saggar.kilnsim import KILNSIM, RENDERER, render, sample_balanced, write_collection
from saggar.store import DirectoryStore
from saggar.taxonomy import Taxonomy, load_taxonomy

OBJECTS, SIZE = 1200, 64
MOST_MORE = 300  # further photographs that an arm may be given
FRESH_SEED = 1007
BELOW, TO = 8, 16  # the quickstart's offline augmentation
_EXTRA_SEED = 5000  # of the collections that further photographs come from
_CHUNK = 1000


@dataclass(frozen=True)
class Collection:
    """A long-tailed collection, split, and further photographs of the same distribution."""

    store: DirectoryStore
    taxonomy: Taxonomy
    split: Manifest
    more: Manifest

    @property
    def augmented(self) -> Manifest:
        """The split with its rare training combinations expanded, as every arm has it."""
        return expand_rare(self.split, below=BELOW, to=TO, seed=0)

    def with_more(self, count: int) -> Manifest:
        """The same with `count` further training photographs."""
        given = self.more.take(np.arange(count)).with_columns(split=["train"] * count)
        return expand_rare(self.split.concat(given), below=BELOW, to=TO, seed=0)


def open_collection(work: Path, seed: int) -> Collection:
    """The collection of a data seed, drawn where it is not there."""
    store, taxonomy = DirectoryStore(work / "store"), load_taxonomy("kilnsim")

    def imported(count: int, of: int) -> Manifest:
        folder = work / f"collection-{count}-{of}"
        labels = write_collection(folder, count, of, SIZE, KILNSIM)
        return import_csv(folder, labels, taxonomy, store).manifest

    return Collection(store, taxonomy, split(imported(OBJECTS, seed), 0), imported(MOST_MORE + 100, _EXTRA_SEED + seed))


@dataclass(frozen=True)
class Fresh:
    """Pieces that no training has seen: pixels uint8 [N, 3, S, S], and labels."""

    names: tuple[str, ...]
    pixels: tuple[np.ndarray, ...]  # in parts, mapped from disk
    labels: dict[str, np.ndarray]  # task -> [N] class numbers


def open_fresh(work: Path, count: int, taxonomy: Taxonomy) -> Fresh:
    """`count` fresh pieces, classes about equally often; what is drawn is kept, a thousand to a file."""
    pieces = sample_balanced(count, FRESH_SEED, KILNSIM)
    parts = []
    for start in range(0, count, _CHUNK):
        path = work / f"fresh-{count}-{FRESH_SEED}-{RENDERER}-{start:06}.npy"
        if not path.exists():
            drawn = np.stack([render(piece, SIZE).transpose(2, 0, 1) for piece in pieces[start : start + _CHUNK]])
            beside = path.with_suffix(".part")
            with beside.open("wb") as file:
                np.save(file, drawn, allow_pickle=False)
            beside.replace(path)
        parts.append(np.load(path, mmap_mode="r", allow_pickle=False))
    labels = {
        task.name: np.array([task.index(getattr(piece, task.name)) for piece in pieces], dtype=np.int64)
        for task in taxonomy.tasks
    }
    return Fresh(tuple(f"{place:06}" for place in range(count)), tuple(parts), labels)
