"""The catalogue that proposals are made for: its rows, and the columns that matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saggar.errors import InvalidInputError
from saggar.files.tables.csv_file import CsvFile, open_csv
from saggar.files.tables.csv_text import from_spreadsheet_cell, plain_heading, unwrapped_cell

_THINGS = (
    "object",
    "inventory",
    "inv",
    "accession",
    "acc",
    "museum",
    "registration",
    "reg",
    "catalogue",
    "catalog",
    "cat",
)
_NUMBERS = (  # headings of a column of object numbers, where none is named, as `_bare` has them
    *(f"{thing}{number}" for thing in (*_THINGS, "item") for number in ("number", "no", "nr", "num")),
    *("objectid", "itemid", "inventarnummer", "inventarnr", "objektnummer", "objektnr"),
    *("藏品编号", "藏品編號", "藏品号", "藏品號", "编号", "編號", "文物号", "文物號", "文物编号", "文物編號"),
    *("典藏号", "典藏號", "典藏编号", "典藏編號", "馆藏号", "館藏號", "馆藏编号", "館藏編號", "登记号", "登記號"),
    *("总登记号", "總登記號", "登录号", "登錄號", "入藏号", "入藏號", "统一编号", "統一編號"),
)
_BETWEEN_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class CatalogueRow:
    """`place` counts the rows from 0, `number` as a spreadsheet does. `problem`: why it cannot be used; else empty.

    `written` are the cells as the file has them, `cells` what they say.
    """

    place: int
    number: int
    written: tuple[str, ...]  # as many as the header has
    cells: tuple[str, ...]
    photograph: str  # as its cell has it: a file may be called with a blank before or behind
    object_number: str
    problem: str = ""


@dataclass(frozen=True)
class ObjectCatalogue:
    """A CSV with a row per object or photograph; `header` as it is written there."""

    file: CsvFile
    header: tuple[str, ...]
    image_column: int
    number_column: int | None

    def rows(self) -> Iterator[CatalogueRow]:
        """Every row in its order; one is held at a time."""
        width = len(self.header)
        for place, row in enumerate(self.file.rows(as_written=True)):
            found = row.cells
            problem = ""
            if len(found) > width and any(unwrapped_cell(cell).strip() for cell in found[width:]):
                problem = f"has {len(found)} cells and the header {width}; is one with a delimiter in it not quoted?"
            written = (*found[:width], *[""] * (width - len(found)))
            cells = tuple(from_spreadsheet_cell(unwrapped_cell(cell)) for cell in written)
            number = cells[self.number_column].strip() if self.number_column is not None else ""
            yield CatalogueRow(place, row.number, written, cells, cells[self.image_column], number, problem)


def open_catalogue(
    path: Path, image_column: str, number_column: str | None = None, encoding: str | None = None
) -> ObjectCatalogue:
    """The catalogue in `path`. `number_column` has the objects' numbers; None: found by its heading, or there is none.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    file = open_csv(path, encoding)
    if file.count == 0:
        raise InvalidInputError(f"{path}: has a header and no rows below it; check that it is the right file")
    image = file.column(image_column)
    if number_column is not None:
        return ObjectCatalogue(file, file.header, image, file.column(number_column))
    bare = [_bare(from_spreadsheet_cell(name)) for name in file.header]
    known = [bare.index(name) for name in _NUMBERS if bare.count(name) == 1]
    return ObjectCatalogue(file, file.header, image, known[0] if known else None)


def _bare(name: str) -> str:
    """A heading without what stands between its words: `Inv. No.`, `inv_no` and `INV NO` are one."""
    return _BETWEEN_WORDS.sub("", plain_heading(name).replace("#", "no"))
