"""The pictures that nano learns from: a fixed pool of kilnsim's *world* domain, rendered once.

The pool is one memory-mapped array and a small description, so that training needs no renderer and
any step of it can be repeated.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from saggar.kilnsim import RARE_COMBINATIONS, Piece, render, sample_world

IMAGE_SIZE = 64
CHUNK = 500


@dataclass(frozen=True)
class Pool:
    """Pictures uint8 [n, 64, 64, 3] (memory-mapped) and the pieces that they show."""

    images: np.ndarray
    pieces: list[Piece]

    def pair_counts(self) -> dict[str, int]:
        """How often each "glaze type" pair occurs."""
        counts: dict[str, int] = {}
        for piece in self.pieces:
            pair = f"{piece.glaze} {piece.type}"
            counts[pair] = counts.get(pair, 0) + 1
        return dict(sorted(counts.items()))


def open_pool(folder: Path, count: int, seed: int, workers: int | None = None) -> Pool:
    """The pool of ``count`` world pictures for ``seed``, rendered into ``folder`` where missing.

    Raises:
        ValueError: the sampler gave a piece that nano must never see.
    """
    pieces = list(sample_world(count, seed))
    rare = {(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS}
    for piece in pieces:
        if piece.domain != "world" or (piece.glaze, piece.type) in rare:
            raise ValueError(f"nano must never see {piece}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"world-{IMAGE_SIZE}-{count}-{seed}.npy"
    if not path.exists():
        _render(path, pieces, workers or os.cpu_count() or 1)
    return Pool(np.load(path, mmap_mode="r", allow_pickle=False), pieces)


def _render(path: Path, pieces: list[Piece], workers: int) -> None:
    part = path.with_suffix(".part")
    shape = (len(pieces), IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
    chunks = [pieces[i : i + CHUNK] for i in range(0, len(pieces), CHUNK)]
    with ProcessPoolExecutor(workers) as executor:
        for number, chunk in enumerate(executor.map(_render_chunk, chunks)):
            images[number * CHUNK : number * CHUNK + len(chunk)] = chunk
    images.flush()
    del images
    part.replace(path)
    description = {"domain": "world", "size": IMAGE_SIZE, "pieces": len(pieces)}
    path.with_suffix(".json").write_text(json.dumps(description) + "\n")


def _render_chunk(pieces: list[Piece]) -> np.ndarray:
    return np.stack([render(piece, IMAGE_SIZE) for piece in pieces])
