"""Which file a cell of a table names, and which photographs no cell names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from saggar.errors import InvalidInputError
from saggar.files.tables.csv_text import from_spreadsheet_cell
from saggar.importing.photographs.locating import NO_SUCH_FILE, locate
from saggar.importing.report import Note

_NO_ROW = "no row names this photograph"


def name_in_cell(root: Path, cell: str) -> str:
    """The name of a file under `root` (resolved) that `cell` means: what it says to the letter, or else that without an
    apostrophe against formulas, and without blanks around it. Where there is no such file, the last of these.
    """
    written = _written(cell)
    for name in written if len(written) > 1 else ():
        try:
            locate(root, name)
        except InvalidInputError as error:
            if NO_SUCH_FILE in str(error):
                continue
        return name
    return from_spreadsheet_cell(cell.strip()).strip()


def _written(cell: str) -> list[str]:
    """What may be meant by a cell, in the order of trying."""
    stripped = cell.strip()
    forms = [cell, from_spreadsheet_cell(cell), cell.lstrip(), cell.rstrip(), stripped, from_spreadsheet_cell(stripped)]
    if from_spreadsheet_cell(f"'{stripped}") == stripped:  # read where it was taken off: a catalogue
        forms.append(f"'{stripped}")
    return [name for name in dict.fromkeys(forms) if name.strip()]


def unnamed(root: Path, names: Iterable[str], images: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Those of `images` under `root` that are none of `names`, whatever form a name has. Links are followed."""
    named = set(names)
    left = [path for path in images if str(path) not in named]
    if not left:
        return []
    files = {_real(root, name) for name in named}
    return [path for path in left if _real(root, str(path)) not in files]


def unnamed_notes(paths: Iterable[PurePosixPath]) -> list[Note]:
    return [Note(0, str(path), "skipped", _NO_ROW) for path in paths]


def _real(root: Path, name: str) -> str:
    """The file's own path; where it cannot be had, what it is called."""
    try:
        return os.fspath(locate(root, name))
    except InvalidInputError:
        return name
