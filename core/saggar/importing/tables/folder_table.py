"""Labels from folders: `DIR/<class>/photo.jpg`, or one level of folders per task."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from saggar.errors import InvalidInputError
from saggar.importing.photographs.files import EXTENSIONS
from saggar.importing.report import Note
from saggar.importing.tables.label_rows import spellings
from saggar.importing.tables.label_table import LabelTable, Row
from saggar.taxonomy import Task

_UNKNOWN = ("unknown", "_", "未知")  # folders whose photographs have no label


def read_folder_table(root: Path, tasks: Sequence[Task]) -> tuple[LabelTable, list[Note]]:
    """The photographs below `root`, sorted; the folder at each level is the label of the task there.

    A folder is called by code, name or variant of a class (upper or lower case), or `unknown`. Folders below
    the last level are free: what is in them belongs to it. Links to folders are not followed. The notes name
    files that are not called like an image; hidden ones are passed over. Raises InvalidInputError when no
    photograph is left.
    """
    known = [spellings(task) for task in tasks]
    rows: list[Row] = []
    images, others = image_files(root)
    skipped = [Note(0, str(path), "skipped", "not called like an image") for path in others]
    for path in images:
        folders = path.parts[:-1]
        labels = [_label(folder, names) for folder, names in zip(folders, known, strict=False)]
        rows.append(Row(0, (str(path), *labels, *[""] * (len(tasks) - len(labels)))))
    names = tuple(task.name for task in tasks)
    if not any(any(row.cells[1:]) for row in rows):
        levels = "/".join(f"<{name}>" for name in names)
        raise InvalidInputError(
            f"{root}: there are no photographs in folders {levels}/; check the folder and the layout"
        )
    table = LabelTable(
        source=str(root),
        encoding="",
        delimiter=",",
        columns={name: i for i, name in enumerate(("image", *names))},
        ignored=(),
        width=len(names) + 1,
        header=Row(0, ("image", *names)),
        rows=tuple(rows),
    )
    return table, skipped


def image_files(root: Path) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """Files below `root` that are called like images, and all others; relative, sorted, no hidden ones."""
    found: list[PurePosixPath] = []
    for current, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        parent = Path(current).relative_to(root)
        found += [PurePosixPath((parent / name).as_posix()) for name in files if not name.startswith(".")]
    images = [path for path in found if path.suffix.lower().removeprefix(".") in EXTENSIONS]
    return sorted(images), sorted(set(found).difference(images))


def _label(folder: str, names: dict[str, str]) -> str:
    plain = folder.strip().casefold()
    return "" if plain in _UNKNOWN else names.get(plain, folder)
