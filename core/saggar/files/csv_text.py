"""From the bytes of a CSV to its rows: the encoding is recognised, or given."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE_AS = "save it as UTF-8 (Excel: Save As, CSV UTF-8)"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods are ZIP files; .xls
_CHINESE = {  # Python's codec, and the lead bytes of the characters that its standard calls frequent
    "gb18030": (0xB0, 0xD7),
    "cp950": (0xA4, 0xC6),  # Big5 as Windows has it
}
_LEAST_FREQUENT = 0.4  # share of frequent characters in real text; accents misread as Chinese have next to none
_CLEARLY = 0.2  # by how much one reading must have a larger share than the other
_WITHIN_WORD = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")


@dataclass(frozen=True)
class Row:
    """`number` counts as a spreadsheet does: the first row of the file is 1, blank rows count."""

    number: int
    cells: tuple[str, ...]


def read_csv_text(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text of `path` and its encoding: UTF-8, UTF-16, UTF-32, GB18030 or Big5 unless one is given.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    data, source = _bytes(path), str(path)
    if encoding is not None:
        return _strictly(data, _known(encoding), source), encoding
    return _decoded(data, source)


def csv_rows(text: str, delimiter: str, source: str) -> Iterator[Row]:
    """All rows that have a cell; `source` names the file in errors."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if cells:
                yield Row(number, tuple(cells))
    except csv.Error as error:
        raise InvalidInputError(
            f"{source}: row {number + 1}: not valid CSV ({error}); a quotation mark that opens a value must "
            "be closed at its end, and one inside a value is written twice"
        ) from None


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
        raise InvalidInputError(f"{path}: is empty; it must have a header row and rows below it")
    if data.startswith(_WORKBOOKS):
        raise InvalidInputError(f"{path}: is a spreadsheet workbook, not a CSV; {_SAVE_AS}")
    return data


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise InvalidInputError(
            f"'{encoding}' is no encoding; try utf-8, gb18030, big5, cp950, utf-16 or windows-1252"
        ) from None


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
    shares = {encoding: _frequent(data, encoding) for encoding in _CHINESE}
    best = max(shares, key=lambda encoding: shares[encoding])
    other = min(shares.values())
    if shares[best] < _LEAST_FREQUENT or shares[best] - other < _CLEARLY:
        raise InvalidInputError(
            f"{source}: line {line}: the encoding is not clear: not UTF-8 or UTF-16, and not clearly Chinese "
            f"GB18030 or Big5 (perhaps Latin-1 or Windows-1252); {_SAVE_AS}, or name the encoding where the "
            "command has --encoding"
        )
    return data.decode(best), best


def _strictly(data: bytes, encoding: str, source: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{source}: starts as {encoding.upper()} and is broken at byte {error.start} ({error.reason}); {_SAVE_AS}"
        ) from None


def _frequent(data: bytes, encoding: str) -> float:
    """Share of the frequent characters among those that are not ASCII, were the data in this encoding.

    A Chinese text read in the wrong encoding falls on rare characters, or on none. 0 where it cannot be read,
    or where the characters stand singly inside Western words.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    strange = [character for character in text if not character.isascii()]
    if not strange or len(_WITHIN_WORD.findall(text)) >= len(strange) / 2:
        return 0.0
    first, last = _CHINESE[encoding]
    leads = (character.encode(encoding) for character in strange)
    frequent = sum(len(lead) == 2 and (first <= lead[0] <= last or _punctuation(lead)) for lead in leads)
    return frequent / len(strange)


def _punctuation(lead: bytes) -> bool:
    return 0xA1 <= lead[0] <= 0xA3
