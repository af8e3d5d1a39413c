"""Read a CSV of labels as people save it: encoding, delimiter and header are recognised."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saggar.errors import FieldViolation, InvalidInputError, NotFoundError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
OBJECT_COLUMNS = ("object_id", "group")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE_AS = "save it as UTF-8 (Excel: Save As, CSV UTF-8)"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods are ZIP files; .xls
_COMMON_HAN = 0.4  # least share of GB 2312's common characters; accents misread as GB18030 have next to none
_WITHIN_WORD = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")


@dataclass(frozen=True)
class Row:
    """`number` counts as a spreadsheet does: the first row of the file is 1, blank rows count."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class LabelTable:
    """The rows below the header, blank ones left out; `columns` says where the known names stand."""

    source: str
    encoding: str
    delimiter: str
    columns: dict[str, int]  # image, task names, and object_id or group
    ignored: tuple[str, ...]
    width: int
    header: Row
    rows: tuple[Row, ...]


def read_label_table(path: Path, tasks: Sequence[str], image_column: str = "image") -> LabelTable:
    """The table in `path`: a column of images, one per task, and perhaps `object_id` or `group`.

    Comma, semicolon or tab; UTF-8, UTF-16 or GB18030. Names in the header may be in any case. Raises
    NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    source = str(path)
    text, encoding = _decoded(_bytes(path), source)
    candidates = {delimiter: _header(text, delimiter) for delimiter in DELIMITERS}
    wanted = {_plain(image_column), *OBJECT_COLUMNS, *(task.casefold() for task in tasks)}
    if not text.strip(" \t\r\n,;"):
        names = ", ".join((image_column, *tasks))
        raise InvalidInputError(f"{source}: has no rows; the first must name the columns: {names}")

    def known(delimiter: str) -> int:
        header = candidates[delimiter]
        return sum(_plain(name) in wanted for name in header.cells) if header else 0

    def width(delimiter: str) -> int:
        header = candidates[delimiter]
        return len(header.cells) if header else 0

    best = max(DELIMITERS, key=known)
    if not known(best):  # the header is wrong however it is read: show it as it falls into most columns
        best = max(DELIMITERS, key=width)
    rivals = [d for d in DELIMITERS if d != best and known(d) == known(best) > 1]
    if rivals:
        raise InvalidInputError(
            f"{source}: the header can be read with {DELIMITERS[best]} and with {DELIMITERS[rivals[0]]} "
            "between columns; use one of them only"
        )
    header = candidates[best]
    assert header is not None  # noqa: S101 for the type checker
    columns = _columns(header, tasks, source, image_column)
    used = set(columns.values())
    ignored = tuple(name.strip() for i, name in enumerate(header.cells) if i not in used and name.strip())
    rows = tuple(row for row in _rows(text, best, source) if row.number > header.number)
    return LabelTable(source, encoding, best, columns, ignored, len(header.cells), header, rows)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path of the CSV", str(path)) from None
    except IsADirectoryError:
        raise InvalidInputError(f"{path}: is a folder, not a CSV file; name the file in it") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInputError(f"{path}: cannot be read ({reason}); check its permissions") from None
    if not data.strip():
        raise InvalidInputError(f"{path}: is empty; it must have a header row and a row per photograph")
    if data.startswith(_WORKBOOKS):
        raise InvalidInputError(f"{path}: is a spreadsheet workbook, not a CSV; {_SAVE_AS}")
    return data


def _decoded(data: bytes, source: str) -> tuple[str, str]:
    """The text and its encoding."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strictly(data, encoding, source), encoding
    if b"\0" in data[:4096]:  # text has no NUL; UTF-16 has one beside every ASCII character
        even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
        encoding = "utf-16-le" if odd > even else "utf-16-be"
        return _strictly(data, encoding, source), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        text = ""
    if not _looks_chinese(text):
        raise InvalidInputError(
            f"{source}: line {line}: the encoding is not clear: neither UTF-8, UTF-16 nor Chinese GB18030 "
            f"(perhaps Latin-1, Windows-1252 or Big5); {_SAVE_AS}"
        )
    return text, "gb18030"


def _strictly(data: bytes, encoding: str, source: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{source}: starts as {encoding.upper()} and is broken at byte {error.start} "
            f"({error.reason}); {_SAVE_AS}"
        ) from None


def _looks_chinese(text: str) -> bool:
    """Whether text decoded as GB18030 is: characters in common use, not single ones in Western words."""
    strange = sum(not character.isascii() for character in text)
    common = sum(_in_gb2312(character) for character in text if not character.isascii())
    within_words = len(_WITHIN_WORD.findall(text))
    return strange > 0 and common >= _COMMON_HAN * strange and within_words < strange / 2


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _rows(text: str, delimiter: str, source: str) -> Iterator[Row]:
    """All rows that have a cell with something in it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield Row(number, tuple(cells))
    except csv.Error as error:
        raise InvalidInputError(
            f"{source}: row {number + 1}: not valid CSV ({error}); a quotation mark that opens a value must "
            "be closed at its end, and one inside a value is written twice"
        ) from None


def _header(text: str, delimiter: str) -> Row | None:
    try:
        return next(_rows(text, delimiter, ""), None)
    except InvalidInputError:
        return None


def _columns(header: Row, tasks: Sequence[str], source: str, image_column: str) -> dict[str, int]:
    """Where image, the tasks and the object column stand; every problem of the header in one error."""
    plain = [_plain(name) for name in header.cells]
    shown = ", ".join(name.strip() or "(blank)" for name in header.cells[:30])
    problems: list[FieldViolation] = []
    columns: dict[str, int] = {}
    for name in ("image", *tasks, *OBJECT_COLUMNS):
        called = image_column if name == "image" else name
        places = [i for i, own in enumerate(plain) if own == _plain(called)]
        if len(places) > 1:
            letters = " and ".join(column_letter(i) for i in places)
            problems.append(FieldViolation(called, f"stands twice (columns {letters}); remove one"))
        elif places:
            columns[name] = places[0]
        elif name not in OBJECT_COLUMNS:
            close = difflib.get_close_matches(_plain(called), [p for p in plain if p], n=1, cutoff=0.7)
            hint = f"; rename '{header.cells[plain.index(close[0])].strip()}'?" if close else "; add it"
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


def column_letter(index: int) -> str:
    """0: A, 25: Z, 26: AA, as a spreadsheet names its columns."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _plain(name: str) -> str:
    return name.strip().strip("\ufeff").casefold()
