"""A catalogue and its photographs: labels from its text, files by inventory numbers in one of its columns."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from saggar.dataset.record import OBJECT_COLUMNS, PROVENANCE
from saggar.errors import InvalidInputError
from saggar.files.pictures.image_names import is_image_name
from saggar.files.tables.csv_text import DELIMITERS, from_spreadsheet_cell, plain_heading, plain_name
from saggar.files.tables.spreadsheet_damage import is_reformatted
from saggar.files.text_encoding import telling_encoding
from saggar.importing.photographs.cells import name_in_cell, unnamed, unnamed_notes
from saggar.importing.photographs.listing import Listing
from saggar.importing.photographs.names import look_alike, odd_characters
from saggar.importing.report import Note
from saggar.importing.tables.label_rows import object_column
from saggar.importing.tables.label_table import LabelTable, Row
from saggar.importing.tables.object_ids import names_no_object
from saggar.importing.tables.swallowed_rows import swallowed_rows
from saggar.taxonomy import Taxonomy

if TYPE_CHECKING:
    from saggar.catalogue.tables import Catalogue

_DISAGREE = "columns of the catalogue disagree (`saggar data map` tells how)"
_END = re.compile(r"[\s_(（-]")  # where the number ends in the name of a further photograph


def read_catalogue_table(
    path: Path,
    named: str | None,
    taxonomy: Taxonomy,
    encoding: str | None = None,
    images: Sequence[PurePosixPath] = (),
) -> tuple[LabelTable, list[Note]]:
    """The catalogue in `path` as a table of labels, proposed from its text by `saggar.catalogue`.

    `named`: its column of photographs, or of the numbers that they are called by; None: the one that looks like it.

    Its columns `licence`, `credit_line` and `object_url` are taken along. Rows are numbered as in a spreadsheet. The
    notes name rows whose columns disagree, and cells that hold rows with some of `images`.
    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    from saggar.catalogue.tables import read_catalogue

    catalogue = read_catalogue(path, encoding)
    with telling_encoding("" if encoding else catalogue.encoding):
        return _proposed(catalogue, named, taxonomy, images, recognised=encoding is None)


def _proposed(
    catalogue: Catalogue, named: str | None, taxonomy: Taxonomy, images: Sequence[PurePosixPath], *, recognised: bool
) -> tuple[LabelTable, list[Note]]:
    from saggar.catalogue.mapping import map_rows
    from saggar.catalogue.tables import image_column

    column = image_column(catalogue, named)
    if column is None:
        raise InvalidInputError(
            f"{catalogue.source}: no column names photographs by their files; --image-column names one of the numbers "
            f"that they are called by; it has: {catalogue.columns}"
        )
    plain = [plain_name(name) for name in catalogue.header]
    owned = {name: plain.index(name) for name in PROVENANCE if name in plain}
    for name in owned:
        if plain.count(name) > 1:
            raise InvalidInputError(f"{catalogue.source}: column '{name}' appears twice; remove one")
    tasks = taxonomy.task_names
    rows: list[Row] = []
    own = [Row(number, cells) for number, cells in zip(catalogue.numbers, catalogue.rows, strict=True)]
    notes = swallowed_rows(catalogue.header, own, column, tuple(DELIMITERS), images)
    for mapped in map_rows(taxonomy, catalogue.header, catalogue.rows)[1]:
        cells = catalogue.rows[mapped.row]
        file = cells[column] if column < len(cells) else ""
        provenance = (cells[i].strip() if i < len(cells) else "" for i in owned.values())
        labels = (mapped.labels[task] or "" for task in tasks)
        number = catalogue.numbers[mapped.row]
        rows.append(Row(number, (file, *labels, *provenance)))
        if mapped.conflicts:
            notes.append(Note(number, file.strip(), "noted", _DISAGREE))
    table = LabelTable(
        source=catalogue.source,
        encoding=catalogue.encoding,
        recognised=recognised,
        delimiter=",",
        columns={name: i for i, name in enumerate(("image", *tasks, *owned))},
        ignored=(),
        width=len(tasks) + len(owned) + 1,
        header=Row(1, (catalogue.header[column], *tasks, *owned)),
        rows=tuple(rows),
    )
    return table, notes


def match_images(table: LabelTable, root: Path, listing: Listing) -> tuple[LabelTable, list[Note]]:
    """`table` with a row per photograph, and what was left out; `listing` is that of `root`.

    A cell that is a path stays one. Any other is an inventory number: its photographs are the files
    below `root` that are called by it in upper or lower case, alone (`A12.jpg`) or with a space, `_`, `-` or
    `(` and more behind (`A12-2.jpg`); a longer number that fits goes first. They belong to one object. Rows
    without a photograph and files without a row are skipped. Raises InvalidInputError when nothing fits.
    """
    column = table.columns["image"]
    numbers = {
        number: row for row in reversed(table.rows) if column < len(row.cells) for number in _forms(row.cells[column])
    }
    by_number: dict[str, list[str]] = defaultdict(list)
    notes: list[Note] = []
    images = listing.images
    for path in images:
        if (number := _number(path, numbers)) is not None:
            by_number[number].append(str(path))
    rows: list[Row] = []
    headings = _headings(table.header)
    named: dict[str, None] = {}
    of_objects = object_column(table)
    ids = table.columns[of_objects] if of_objects else None
    for row in table.rows:
        if _headings(row) == headings:
            notes.append(Note(row.number, "", "skipped", "repeats the header"))
            continue
        cell = row.cells[column] if column < len(row.cells) else ""
        value = cell.strip()
        if _is_path(value):
            files = [name_in_cell(root, cell)]
        else:
            files = next((by_number[form] for form in _forms(cell) if form in by_number), [])
        named.update(dict.fromkeys(files))
        rows += [Row(row.number, _with(row.cells, column, file, ids, value)) for file in files]
        if not files:
            reason = f"no photograph is named '{value}'{_hint(value, images)}" if value else "names no photograph"
            notes.append(Note(row.number, value, "skipped", reason))
    if not named:
        first = next((row.cells[column] for row in table.rows if column < len(row.cells)), "")
        file = images[0].name if images else "none"
        raise InvalidInputError(
            f"{table.source}: no photograph in {root} is named after a value of column "
            f"'{table.header.cells[column].strip()}' (the first value: '{first}'{_hint(first, images)}; "
            f"the first file: {file}); name another column"
        )
    numbered = {number.lstrip("0"): row for number, row in numbers.items() if number.lstrip("0")}
    for note in unnamed_notes(unnamed(root, named, images)):
        lost = next((numbered[cut] for cut in _cuts(PurePosixPath(note.file)) if cut in numbered), None)
        reason = f"; row {lost.number} may be its own, with its zeros lost in a spreadsheet" if lost else ""
        notes.append(replace(note, text=note.text + reason))
    notes += listing.notes(others=False)
    if ids is not None:
        return replace(table, rows=tuple(rows)), notes
    return (
        replace(
            table,
            rows=tuple(rows),
            columns=table.columns | {OBJECT_COLUMNS[0]: table.width},
            width=table.width + 1,
            header=Row(table.header.number, (*table.header.cells, OBJECT_COLUMNS[0])),
        ),
        notes,
    )


def _with(cells: tuple[str, ...], column: int, file: str, ids: int | None, value: str) -> tuple[str, ...]:
    """A row's cells with the file's name, and the number as its object's id where it has no other."""
    changed = (*cells[:column], file, *cells[column + 1 :])
    number = "" if _is_path(value) else from_spreadsheet_cell(value)
    if ids is None:
        return (*changed, number)
    if number and ids < len(changed) and names_no_object(changed[ids], zero_is_a_number=True):
        return (*changed[:ids], number, *changed[ids + 1 :])
    return changed


def _number(path: PurePosixPath, numbers: dict[str, Row]) -> str | None:
    """The longest inventory number that the file is called by."""
    stem = _plain(path.stem)
    cuts = [found.start() for found in _END.finditer(stem)]
    return next((stem[:end] for end in (len(stem), *reversed(cuts)) if stem[:end] in numbers), None)


def _cuts(path: PurePosixPath) -> list[str]:
    """What may be left of the file's number where a spreadsheet has taken the zeros before it."""
    stem = _plain(path.stem)
    if not stem.startswith("0"):
        return []
    return [part for part in (stem.lstrip("0"), _END.split(stem, maxsplit=1)[0].lstrip("0")) if part]


def _hint(value: str, images: Sequence[PurePosixPath]) -> str:
    """Why a number may have found nothing: a spreadsheet made a date or a power of ten of it, or a character only
    looks like that of a file's name.
    """
    if is_reformatted(value):
        return ", which a spreadsheet seems to have reformatted; import the column as text"
    near = next((path for path in images if look_alike(path.stem) == look_alike(value)), None)
    if near is None:
        return ""
    odd = odd_characters(near.stem) or odd_characters(value)
    return f"; '{near.name}' looks the same" + (f" (with {odd})" if odd else "")


def _headings(row: Row) -> list[str]:
    return [plain_heading(cell) for cell in row.cells]


def _is_path(value: str) -> bool:
    """Whether a cell names a file rather than an object."""
    return "/" in value or "\\" in value or is_image_name(value)


def _forms(cell: str) -> list[str]:
    """A number as the cell has it, and without an apostrophe against formulas."""
    return list(dict.fromkeys((_plain(cell), _plain(from_spreadsheet_cell(cell.strip())))))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()
