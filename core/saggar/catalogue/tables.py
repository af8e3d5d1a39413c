"""A catalogue's CSV in, proposed labels out as JSON records or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saggar.catalogue.columns import Column, Role
from saggar.catalogue.mapping import MappedRow
from saggar.errors import AlreadyExistsError, InvalidInputError
from saggar.files.csv_text import (
    Row,
    csv_rows,
    evenness,
    from_spreadsheet_cell,
    plain_heading,
    read_csv_text,
    spreadsheet_cell,
)


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
                known = ", ".join(name.strip() or f"(column {i})" for i, name in enumerate(catalogue.header, 1))
                raise InvalidInputError(f"{catalogue.source}: no column '{name}'; it has: {known}")
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


def write_labels(path: Path, rows: Iterable[MappedRow], columns: Sequence[Column], catalogue: Catalogue) -> None:
    """A CSV to correct by hand: row, the name as it is, labels, what they rest on, conflicts.

    Raises AlreadyExistsError: corrections made in it are not to be lost.
    """
    name = next((column.index for column in columns if column.role == "name"), None)
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            for count, mapped in enumerate(rows):
                if count == 0:
                    words = (f"{task}_words" for task in mapped.labels)
                    writer.writerow(["row", "name", *mapped.labels, *words, "conflicts", "notes"])
                cells = catalogue.rows[mapped.row]
                texts = [
                    cells[name] if name is not None and name < len(cells) else "",
                    *(code or "" for code in mapped.labels.values()),
                    *("; ".join(one.finding.words for one in found) for found in mapped.evidence.values()),
                    " | ".join(f"{conflict.task}: {conflict.text}" for conflict in mapped.conflicts),
                    " | ".join(mapped.notes),
                ]
                writer.writerow([catalogue.numbers[mapped.row], *map(spreadsheet_cell, texts)])
    except FileExistsError:
        raise AlreadyExistsError(f"{path}: exists; name another file, or remove this one") from None
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be written ({error.strerror}); check the folder") from None
