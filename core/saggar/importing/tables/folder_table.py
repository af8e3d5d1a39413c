"""Labels from folders: `DIR/<class>/photo.jpg`, or one level of folders per task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saggar.errors import InvalidInputError
from saggar.importing.photographs.listing import image_files
from saggar.importing.report import Note
from saggar.importing.tables.label_rows import plain_label, spellings
from saggar.importing.tables.label_table import LabelTable, Row
from saggar.taxonomy import Task

_UNKNOWN = ("unknown", "_", "未知")  # folders whose photographs have no label


def read_folder_table(root: Path, tasks: Sequence[Task]) -> tuple[LabelTable, list[Note]]:
    """The photographs below `root`, sorted; the folder at each level is the label of the task there.

    A folder is called by code, name or variant of a class (upper or lower case), or `unknown` where no class is.
    Folders below the last level are free: what is in them belongs to it. Links to folders are not followed. The notes
    name what was passed over. Raises InvalidInputError when no photograph is left.
    """
    known = [spellings(task) for task in tasks]
    rows: list[Row] = []
    listing = image_files(root)
    for path in listing.images:
        folders = path.parts[:-1]
        labels = [_label(folder, names) for folder, names in zip(folders, known, strict=False)]
        rows.append(Row(0, (str(path), *labels, *[""] * (len(tasks) - len(labels)))))
    names = tuple(task.name for task in tasks)
    if not any(any(row.cells[1:]) for row in rows):
        levels = "/".join(f"<{name}>" for name in names)
        raise InvalidInputError(f"{root}: no photographs in folders {levels}/ found; check the folder and the layout")
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
    return table, listing.notes()


def _label(folder: str, names: dict[str, str]) -> str:
    plain = plain_label(folder)
    return names.get(plain) or ("" if plain in _UNKNOWN else folder)  # a class may be called `unknown`
