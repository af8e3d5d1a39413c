"""Read a CSV of labels as people save it: encoding, delimiter and header are recognised."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saggar.dataset.record import OBJECT_COLUMNS, PROVENANCE
from saggar.errors import FieldViolation, InvalidInputError
from saggar.files.tables.csv_text import (
    DELIMITERS,
    IMAGE_HEADINGS,
    CsvText,
    Row,
    csv_rows,
    delimiter_name,
    from_spreadsheet_cell,
    plain_name,
    read_csv_text,
)
from saggar.files.text_encoding import telling_encoding

__all__ = ["LabelTable", "Row", "column_letter", "read_label_table"]

_OTHER_DELIMITERS = ("|", "，", "；", "、", ":", "^", "~")
_BRACKETS = re.compile(r"[(\[（【].*?[)\]）】]")
_BESIDE_LABELS = {"row", "name", "conflicts", "notes"}
_TITLES = 5  # rows above the header that a collection's title may take


@dataclass(frozen=True)
class LabelTable:
    """The rows below the header, blank ones left out; `columns` says where the known names are."""

    source: str
    encoding: str
    delimiter: str
    columns: dict[str, int]  # image, task names, and where they are there: object_id or group, PROVENANCE
    ignored: tuple[str, ...]
    width: int
    header: Row
    rows: tuple[Row, ...]
    recognised: bool = False  # whether the encoding was found out, rather than given

    @property
    def guess(self) -> str:
        """The encoding, where it was found out; blank otherwise."""
        return self.encoding if self.recognised else ""


def read_label_table(
    path: Path, tasks: Sequence[str], image_column: str = "image", encoding: str | None = None
) -> LabelTable:
    """The table in `path`: a column of images, one per task, and perhaps `object_id` or `group`, and
    `licence`, `credit_line`, `object_url`.

    Comma, semicolon, tab or what its `sep=` line names; UTF-8, UTF-16, GB18030 or Big5 unless `encoding` is given.
    Names in the header may be in any case, with invisible characters and odd spaces. Cells that `saggar data map` made
    harmless to spreadsheets are as they were; those of photographs are left as they are, see `name_in_cell`.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and
    what to do.
    """
    found = read_csv_text(path, encoding)
    with telling_encoding("" if encoding else found.encoding):
        return _label_table(found, str(path), tasks, image_column, recognised=encoding is None)


def _label_table(
    found: CsvText, source: str, tasks: Sequence[str], image_column: str, *, recognised: bool
) -> LabelTable:
    text, delimiters = found.text, found.delimiters
    candidates = {delimiter: _header(text, delimiter) for delimiter in delimiters}
    wanted = {plain_name(image_column), *OBJECT_COLUMNS, *(task.casefold() for task in tasks)}

    def known(delimiter: str) -> int:
        header = candidates[delimiter]
        return sum(plain_name(name) in wanted for name in header.cells) if header else 0

    def width(delimiter: str) -> int:
        header = candidates[delimiter]
        return len(header.cells) if header else 0

    best = max(delimiters, key=known)
    if not known(best):  # the header is wrong however it is read: show it as it falls into most columns
        best = max(delimiters, key=width)
    rivals = [d for d in delimiters if d != best and known(d) == known(best) > 1]
    if rivals:
        raise InvalidInputError(
            f"{source}: the header can be read with {delimiter_name(best)} and with {delimiter_name(rivals[0])} "
            "between columns; use one of them only"
        )
    # it cannot be read however it is divided: reading it again says why
    header = candidates[best] or next(_rows(text, best, source), None)
    if header is None or not text.strip(" \t\r\n,;"):
        names = ", ".join((image_column, *tasks))
        raise InvalidInputError(f"{source}: has no rows; the first must name the columns: {names}")
    if not known(best):
        _refuse_title(text, best, source, wanted)
        _refuse_delimiter(text, found.delimiter, source, wanted)
    columns = _columns(header, tasks, source, image_column)
    used = set(columns.values())
    used |= set(_for_people(header))
    ignored = tuple(name.strip() for i, name in enumerate(header.cells) if i not in used and name.strip())
    below = (row for row in _rows(text, best, source) if row.number > header.number)
    rows = tuple(Row(row.number, _as_written(row.cells, columns["image"])) for row in below)
    return LabelTable(source, found.encoding, best, columns, ignored, len(header.cells), header, rows, recognised)


def _as_written(cells: tuple[str, ...], image: int) -> tuple[str, ...]:
    """Cells without the apostrophe against formulas, but for the photograph's: a file may be called so."""
    return tuple(cell if place == image else from_spreadsheet_cell(cell) for place, cell in enumerate(cells))


def _rows(text: str, delimiter: str, source: str) -> Iterator[Row]:
    """All rows that have a cell with something in it."""
    return (row for row in csv_rows(text, delimiter, source) if any(cell.strip() for cell in row.cells))


def _header(text: str, delimiter: str) -> Row | None:
    try:
        return next(_rows(text, delimiter, ""), None)
    except InvalidInputError:
        return None


def _refuse_title(text: str, delimiter: str, source: str, wanted: set[str]) -> None:
    """Tells of a header that has something above it: the name of the collection, a note."""
    for row in itertools.islice(_rows(text, delimiter, source), 1, _TITLES):
        if sum(plain_name(cell) in wanted for cell in row.cells) > 1:
            raise InvalidInputError(f"{source}: the names of the columns are in row {row.number}; remove what is above")


def _refuse_delimiter(text: str, named: str | None, source: str, wanted: set[str]) -> None:
    """Tells of a header whose columns are parted by something else than what is read."""
    if text.lstrip('\ufeff"').lower().startswith("sep="):
        raise InvalidInputError(f"{source}: its first line, sep=, must name one character; correct or remove that line")
    for delimiter in (*DELIMITERS, *_OTHER_DELIMITERS):
        header = _header(text, delimiter)
        if header is None or sum(plain_name(name) in wanted for name in header.cells) < 2:
            continue
        parted = f"its columns are parted by {delimiter_name(delimiter)}"
        if named:
            raise InvalidInputError(f"{source}: {parted}, but its first line says sep={named}; correct that line")
        raise InvalidInputError(f"{source}: {parted}; write `sep={delimiter}` above the header, or save it with commas")


def _columns(header: Row, tasks: Sequence[str], source: str, image_column: str) -> dict[str, int]:
    """Where image, the tasks and the object column are; every problem of the header in one error."""
    plain = [plain_name(name) for name in header.cells]
    wanted = {"image", plain_name(image_column), *OBJECT_COLUMNS, *PROVENANCE, *(task.casefold() for task in tasks)}
    ours = any(name in wanted or difflib.get_close_matches(name, wanted, n=1, cutoff=0.7) for name in plain)
    shown = ", ".join(name.strip() or "(blank)" for name in header.cells[:30])
    if not ours:  # what is no table of ours is not quoted: it may be anybody's file on a server
        shown = "1 column" if len(header.cells) == 1 else f"{len(header.cells)} columns"
        shown += ", none of such a name"
    problems: list[FieldViolation] = []
    columns: dict[str, int] = {}
    for name in ("image", *tasks, *OBJECT_COLUMNS, *PROVENANCE):
        called = image_column if name == "image" else name
        places = [i for i, own in enumerate(plain) if own == plain_name(called)]
        if len(places) > 1:
            letters = " and ".join(column_letter(i) for i in places)
            problems.append(FieldViolation(called, f"appears twice (columns {letters}); remove one"))
        elif places:
            columns[name] = places[0]
        elif name not in (*OBJECT_COLUMNS, *PROVENANCE):
            meant = _meant(plain_name(called), plain)
            hint = "; add it" if meant is None else f"; rename '{header.cells[meant].strip()}'?"
            blank = "" if name == "image" else " (cells may be blank for unknown)"
            problems.append(FieldViolation(called, f"is missing{hint}{blank}"))
    if problems:
        lines = "\n".join(f"  column '{problem.field}' {problem.description}" for problem in problems)
        raise InvalidInputError(
            f"{source}: row {header.number} must name the columns; it has: {shown}\n{lines}", tuple(problems)
        )
    if all(name in columns for name in OBJECT_COLUMNS):
        del columns["group"]  # it is named among the ignored
    return columns


def _for_people(header: Row) -> list[int]:
    """Where the columns are that `saggar data map` writes beside labels, in a table of its own."""
    plain = [plain_name(name) for name in header.cells]
    if not {"row", "conflicts", "notes"} <= set(plain):
        return []
    return [i for i, name in enumerate(plain) if name in _BESIDE_LABELS or name.endswith("_words")]


def _meant(name: str, headings: Sequence[str]) -> int | None:
    """The heading that is probably meant by `name`: without what is in brackets, a usual word for images, or alike."""
    bare = [_BRACKETS.sub("", heading).strip() for heading in headings]
    for words in ({name}, IMAGE_HEADINGS if name == "image" else set()):
        if found := [i for i, heading in enumerate(bare) if heading in words]:
            return found[0]
    close = difflib.get_close_matches(name, [heading for heading in bare if heading], n=1, cutoff=0.7)
    return bare.index(close[0]) if close else None


def column_letter(index: int) -> str:
    """0: A, 25: Z, 26: AA, as a spreadsheet names its columns."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
