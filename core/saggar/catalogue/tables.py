"""A catalogue's CSV in, proposed labels out as JSON records or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saggar.catalogue.columns import Column, Role
from saggar.catalogue.mapping import MappedRow
from saggar.dataset.record import OBJECT_COLUMNS, PROVENANCE
from saggar.errors import AlreadyExistsError, InvalidInputError
from saggar.files.pictures.image_names import is_image_name
from saggar.files.tables.csv_text import (
    IMAGE_HEADINGS,
    Row,
    csv_rows,
    data_cell,
    evenness,
    from_spreadsheet_cell,
    plain_heading,
    plain_name,
    read_csv_text,
)

_MOST = 0.8  # share of a column's cells
_TAKEN_ALONG = (*OBJECT_COLUMNS, *PROVENANCE)  # what an import reads beside labels


@dataclass(frozen=True)
class Catalogue:
    """Header and data rows. A row of blank cells is a row; an empty line is none.

    `numbers` are those of the rows, counted as a spreadsheet does: the first row of the file is 1.
    """

    source: str
    encoding: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    @property
    def columns(self) -> str:
        """All names in the header, those without one by their place."""
        return ", ".join(name.strip() or f"(column {i})" for i, name in enumerate(self.header, 1))


def read_catalogue(path: Path, encoding: str | None = None) -> Catalogue:
    """The catalogue in `path`: comma, semicolon or tab, whichever parts its rows most evenly.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    found = read_csv_text(path, encoding)
    source = str(path)
    tables: dict[str, list[Row]] = {}
    problems: list[InvalidInputError] = []
    for delimiter in found.delimiters:
        try:
            tables[delimiter] = list(csv_rows(found.text, delimiter, source))
        except InvalidInputError as error:
            problems.append(error)
    if not tables:
        raise problems[0]
    table = max(tables.values(), key=evenness)
    if not table or not any(cell.strip() for cell in table[0].cells):
        raise InvalidInputError(f"{source}: has no header; the first row must name the columns")
    header, *rows = table
    cells = (tuple(from_spreadsheet_cell(cell) for cell in row.cells) for row in rows)
    names = (header.cells[0].strip("\ufeff"), *header.cells[1:])
    return Catalogue(source, found.encoding, names, tuple(cells), tuple(row.number for row in rows))


def column_called(catalogue: Catalogue, name: str) -> int | None:
    """Where the column `name` is; None where it is not. Raises InvalidInputError when there are several."""
    places = [i for i, own in enumerate(catalogue.header) if plain_heading(own) == plain_heading(name)]
    if len(places) > 1:
        numbers = " and ".join(str(place + 1) for place in places)
        raise InvalidInputError(
            f"{catalogue.source}: column '{name}' appears twice (columns {numbers}); rename one, or give its number"
        )
    return places[0] if places else None


def image_column(catalogue: Catalogue, name: str | None = None) -> int | None:
    """Where the photographs are named: in column `name`, or else in one whose heading or cells say so.

    None where no column does. Raises InvalidInputError for a `name` that is not there, naming those that are.
    """
    if name:
        if (called := column_called(catalogue, name)) is None:
            raise InvalidInputError(f"{catalogue.source}: no column '{name}'; it has: {catalogue.columns}")
        return called
    found = [place for place in range(len(catalogue.header)) if names_files(catalogue, place)]
    headings = [i for i, own in enumerate(catalogue.header) if plain_heading(own) in IMAGE_HEADINGS]
    likely = [place for place in headings if place in found] or found or headings
    return likely[0] if likely else None


def names_files(catalogue: Catalogue, place: int) -> bool:
    """Whether most cells of a column end as image files do."""
    cells = [text for row in catalogue.rows if place < len(row) and (text := row[place].strip())]
    return bool(cells) and sum(is_image_name(cell) for cell in cells) >= _MOST * len(cells)


def given_roles(catalogue: Catalogue, roles: Mapping[Role, Sequence[str]]) -> dict[int, Role]:
    """Columns whose role the user gave, by name or by number from 1.

    Raises InvalidInputError for a column that is not there, naming those that are.
    """
    given: dict[int, Role] = {}
    for role, wanted in roles.items():
        for name in wanted:
            if (called := column_called(catalogue, name)) is not None:
                place = called
            elif name.isdecimal() and len(name) < 6 and 1 <= int(name) <= len(catalogue.header):
                place = int(name) - 1
            else:
                raise InvalidInputError(f"{catalogue.source}: no column '{name}'; it has: {catalogue.columns}")
            if given.setdefault(place, role) != role:
                raise InvalidInputError(f"{catalogue.source}: column '{name}' is given two roles; give it one")
    return given


def row_record(mapped: MappedRow, catalogue: Catalogue) -> dict[str, Any]:
    """One row for JSON: labels are taxonomy codes or null; `row` counts as a spreadsheet does."""
    return {
        "row": catalogue.numbers[mapped.row],
        "labels": dict(mapped.labels),
        "evidence": {
            task: [
                {
                    "column": one.column,
                    "words": one.finding.words,
                    "code": one.finding.code,
                    **({"note": one.finding.note} if one.finding.note else {}),
                }
                for one in found
            ]
            for task, found in mapped.evidence.items()
        },
        "confidence": dict(mapped.confidence),
        "conflicts": [{"task": conflict.task, "text": conflict.text} for conflict in mapped.conflicts],
        "notes": list(mapped.notes),
    }


def write_labels(
    path: Path,
    rows: Iterable[MappedRow],
    columns: Sequence[Column],
    catalogue: Catalogue,
    image: int | None = None,
) -> None:
    """A CSV to correct by hand and to import: row, photograph, the name as it is, labels, what they rest on, conflicts.

    `image`: the catalogue's column of photographs. Columns that an import reads, as `object_id`, are taken along.
    Raises AlreadyExistsError: corrections made in it are not to be lost.
    """
    named = next((column.index for column in columns if column.role == "name"), None)
    plain = [plain_name(own) for own in catalogue.header]
    copied = {"image": image, "name": named} | {own: plain.index(own) for own in _TAKEN_ALONG if own in plain}
    places = {heading: place for heading, place in copied.items() if place is not None}
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            for count, mapped in enumerate(rows):
                if count == 0:
                    words = (f"{task}_words" for task in mapped.labels)
                    writer.writerow(["row", *places, *mapped.labels, *words, "conflicts", "notes"])
                cells = catalogue.rows[mapped.row]
                texts = [
                    *(cells[place] if place < len(cells) else "" for place in places.values()),
                    *(code or "" for code in mapped.labels.values()),
                    *("; ".join(one.finding.words for one in found) for found in mapped.evidence.values()),
                    " | ".join(f"{conflict.task}: {conflict.text}" for conflict in mapped.conflicts),
                    " | ".join(mapped.notes),
                ]
                writer.writerow([catalogue.numbers[mapped.row], *map(data_cell, texts)])
    except FileExistsError:
        raise AlreadyExistsError(f"{path}: exists; name another file, or remove this one") from None
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be written ({error.strerror}); check the folder") from None
