"""Rows that a quotation mark has swallowed: it opens a cell, and the next one, rows below, closes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from saggar.files.tables.csv_text import Row
from saggar.importing.photographs.names import look_alike
from saggar.importing.report import Note, listed


def swallowed_rows(
    header: Sequence[str], rows: Sequence[Row], image: int, delimiters: Sequence[str], images: Sequence[PurePosixPath]
) -> list[Note]:
    """A note of the cells that span several lines and hold what looks like rows: parted by a delimiter, with the name
    of one of `images`, or in column `image` the number that it is called by. None where there are no such cells.
    """
    if not any(_spans_lines(cell) for row in rows for cell in row.cells):
        return []
    paths = {str(path) for path in images}
    stems = {look_alike(path.stem).strip() for path in images}
    found: list[tuple[Row, str]] = []
    for row in rows:
        for place, cell in enumerate(row.cells):
            names = list(_names(cell, image, delimiters, paths, stems)) if _spans_lines(cell) else []
            if names:
                column = header[place].strip() if place < len(header) else ""
                where = f"row {row.number}, column {column or place + 1}"
                found.append((row, f"{where} ({len(cell.splitlines())} lines, with '{names[0]}')"))
    if not found:
        return []
    first = found[0][0]
    text = (
        f"cells of several lines that hold rows: {listed(text for _, text in found)}; is a quotation mark not "
        "closed, or one within a value not written twice? The rows in them are not imported"
    )
    file = first.cells[image].strip() if image < len(first.cells) else ""
    return [Note(first.number, file, "noted", text)]


def _spans_lines(cell: str) -> bool:
    return ("\n" in cell or "\r" in cell) and bool(cell.strip())


def _names(cell: str, image: int, delimiters: Sequence[str], paths: set[str], stems: set[str]) -> Iterator[str]:
    for line in cell.splitlines()[1:]:
        for delimiter in delimiters:
            parts = [part.strip().strip('"') for part in line.split(delimiter)]
            if len(parts) < 2:
                continue
            yield from (part for part in parts if part in paths)
            if image < len(parts) and look_alike(parts[image]) in stems:
                yield parts[image]
