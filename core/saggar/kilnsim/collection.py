"""A kilnsim collection on disk: a folder like the one that a museum would hand over."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from saggar.errors import AlreadyExistsError
from saggar.kilnsim.pieces import Piece, collection_counts, sample_collection
from saggar.kilnsim.render import render

COLUMNS = ("image", "object_id", "dynasty", "kiln", "glaze", "type")
TASKS = COLUMNS[2:]

RENDERER = 1
"""Goes up when the same arguments would give other pictures or labels."""

_TWICE = 0.06  # share of objects with a second photograph
_UNKNOWN = {"dynasty": 0.01, "kiln": 0.04, "glaze": 0.015, "type": 0.01}  # share of blank labels
_KEEP = 5  # labels of combinations with fewer pieces are never blank: they would no longer exist


def write_collection(directory: Path, count: int, seed: int, size: int = 64) -> Path:
    """Write ``count`` objects of the collection domain as pictures and labels; returns the CSV.

    ``directory`` gets ``images/*.png``, ``labels.csv`` (image, object_id, dynasty, kiln, glaze, type;
    blank where unknown) and ``kilnsim.json``, the arguments. Some objects have two photographs.
    The folder appears whole or not at all; called again with equal arguments, nothing is done.

    Raises:
        AlreadyExistsError: ``directory`` holds something else.
    """
    arguments = {"count": count, "seed": seed, "size": size, "renderer": RENDERER}
    note = directory / "kilnsim.json"
    if note.exists() and json.loads(note.read_text("utf-8")) == arguments:
        return directory / "labels.csv"
    if directory.exists() and any(directory.iterdir()):
        raise AlreadyExistsError(
            f"{directory} is not empty and holds no kilnsim collection of {arguments}; "
            "name another folder or remove this one"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    part = directory.with_name(f".{directory.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(part, count, seed, size)
        (part / "kilnsim.json").write_text(json.dumps(arguments) + "\n", encoding="utf-8")
        part.replace(directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return directory / "labels.csv"


def _write(folder: Path, count: int, seed: int, size: int) -> None:
    (folder / "images").mkdir(parents=True)
    counts = collection_counts(count)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 303])))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number, piece in enumerate(sample_collection(count, seed)):
            common = counts[piece.dynasty, piece.kiln, piece.glaze, piece.type] >= _KEEP
            known = _known(piece, common, rng)
            views = 2 if rng.random() < _TWICE and common else 1
            for view in range(views):
                name = f"images/{number:06d}-{view + 1}.png"
                Image.fromarray(render(piece, size, view)).save(folder / name)
                rows.writerow([name, f"kilnsim-{seed}-{number:06d}", *known])


def _known(piece: Piece, common: bool, rng: np.random.Generator) -> list[str]:
    blank = [common and float(rng.random()) < _UNKNOWN[task] for task in TASKS]
    return ["" if gone else getattr(piece, task) for task, gone in zip(TASKS, blank, strict=True)]
