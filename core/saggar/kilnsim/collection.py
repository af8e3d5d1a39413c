"""kilnsim's pictures on disk: a folder like the one that a museum would hand over, or balanced pictures."""

from __future__ import annotations

import csv
import errno
import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saggar.errors import AlreadyExistsError, InvalidInputError
from saggar.kilnsim.holdings import (
    KILNSIM,
    TASKS,
    Classes,
    collection_counts,
    sample_balanced,
    sample_collection,
)
from saggar.kilnsim.museum.exact import Draws
from saggar.kilnsim.pieces import Piece
from saggar.kilnsim.png import encode_png
from saggar.kilnsim.render import render

COLUMNS = ("image", "object_id", *TASKS)

RENDERER = 2
"""Goes up when the same arguments would give other pictures or labels."""

_TWICE = 0.06  # share of objects with a second photograph
_UNKNOWN = {"dynasty": 0.01, "kiln": 0.04, "glaze": 0.015, "type": 0.01}  # share of blank labels
_KEEP = 5  # labels of combinations with fewer pieces are never blank: they would no longer exist


def write_collection(directory: Path, count: int, seed: int, size: int = 64, classes: Classes = KILNSIM) -> Path:
    """Write ``count`` objects of a museum's collection as pictures and labels; returns the CSV.

    ``directory`` gets ``images/*.png``, ``labels.csv`` (image, object_id, dynasty, kiln, glaze, type;
    blank where unknown) and ``kilnsim.json``, the arguments. Some objects have two photographs.
    The folder appears whole or not at all; called again with equal arguments, nothing is done.

    Raises:
        AlreadyExistsError: ``directory`` holds something else.
        InvalidInputError: a count below 1.
    """

    def write(folder: Path) -> None:
        counts = collection_counts(count, classes)
        draws = Draws(seed, 303)
        rows = []
        for number, piece in enumerate(sample_collection(count, seed, classes)):
            common = counts[piece.dynasty, piece.kiln, piece.glaze, piece.type] >= _KEEP
            gone = [draws.chance(_UNKNOWN[task]) and common for task in TASKS]
            known = ["" if lost else getattr(piece, task) for lost, task in zip(gone, TASKS, strict=True)]
            views = 2 if draws.chance(_TWICE) and common else 1
            for view in range(views):
                name = f"images/{number:06d}-{view + 1}.png"
                _write_picture(folder / name, piece, size, view)
                rows.append([name, f"kilnsim-{seed}-{number:06d}", *known])
        _write_labels(folder, rows)

    return _once(directory, write, kind="collection", count=count, seed=seed, size=size, classes=classes)


def write_balanced(directory: Path, count: int, seed: int, size: int = 64, classes: Classes = KILNSIM) -> Path:
    """Write ``count`` balanced pictures, every label known and one picture an object; returns the CSV.

    The folder is as :func:`write_collection`'s. No seed gives a piece that is in any collection.
    """

    def write(folder: Path) -> None:
        rows = []
        for number, piece in enumerate(sample_balanced(count, seed, classes)):
            name = f"images/{number:06d}.png"
            _write_picture(folder / name, piece, size, 0)
            labels = [getattr(piece, task) for task in TASKS]
            rows.append([name, f"kilnsim-balanced-{seed}-{number:06d}", *labels])
        _write_labels(folder, rows)

    return _once(directory, write, kind="balanced", count=count, seed=seed, size=size, classes=classes)


def _once(
    directory: Path, write: Callable[[Path], None], *, kind: str, count: int, seed: int, size: int, classes: Classes
) -> Path:
    """Let ``write`` fill ``directory``, wholly or not at all, unless it is there already."""
    arguments: dict[str, Any] = {"kind": kind, "count": count, "seed": seed, "size": size}
    arguments |= {"classes": {task: list(codes) for task, codes in classes.items()}, "renderer": RENDERER}
    if count < 1:
        raise InvalidInputError(f"kilnsim: count is {count}; ask for at least 1 picture")
    note = directory / "kilnsim.json"
    if note.exists() and json.loads(note.read_text("utf-8")) == arguments:
        return directory / "labels.csv"
    if directory.is_file():
        raise AlreadyExistsError(f"{directory} is a file; name a folder")
    if directory.exists() and any(directory.iterdir()):
        raise AlreadyExistsError(
            f"{directory} is not empty and holds other pictures than the {kind} of {count}, seed {seed}, "
            f"{size} pixels, renderer {RENDERER} with these classes; name another folder or remove this one"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    part = directory.with_name(f".{directory.name}.{secrets.token_hex(6)}.part")
    try:
        (part / "images").mkdir(parents=True)
        write(part)
        (part / "kilnsim.json").write_text(json.dumps(arguments) + "\n", encoding="utf-8")
        _put_in_place(part, directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return directory / "labels.csv"


def _put_in_place(part: Path, directory: Path) -> None:
    """The first of several that draw the same collection at once wins; their pictures are equal."""
    try:
        part.replace(directory)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        if (directory / "kilnsim.json").read_bytes() != (part / "kilnsim.json").read_bytes():
            raise AlreadyExistsError(f"{directory} has been filled with other pictures; name another folder") from None


def _write_picture(path: Path, piece: Piece, size: int, view: int) -> None:
    path.write_bytes(encode_png(render(piece, size, view)))


def _write_labels(folder: Path, rows: list[list[str]]) -> None:
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
