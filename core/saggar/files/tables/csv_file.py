"""A CSV file read row by row, however long it is."""

from __future__ import annotations

import codecs
import hashlib
import itertools
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from saggar.errors import InvalidInputError
from saggar.files.tables.csv_text import (
    DELIMITERS,
    Row,
    csv_rows,
    evenness,
    from_spreadsheet_cell,
    plain_heading,
    read_csv_text,
    unwrapped_cell,
    without_separator_line,
)
from saggar.files.tables.not_a_table import check_may_be_csv
from saggar.files.text_encoding import WITH_EURO

_CHUNK = 1 << 20
_JUDGED = 200  # rows by which the delimiter is found
_FIRST_LINE = 64  # characters in which a `sep=` line ends


@dataclass(frozen=True)
class CsvFile:
    """Header and how to read what is below it; `count` rows, blank ones left out. `sha256` is that of the file."""

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    count: int
    sha256: str

    def rows(self, *, as_written: bool = False) -> Iterator[Row]:
        """The rows below the header that have something in them, counted as a spreadsheet does. One is held at a time.

        `as_written`: cells such as ="0012" as they are, not the text within. Raises InvalidInputError where the file is
        not valid CSV.
        """
        return itertools.islice(_rows(self.path, self.encoding, self.delimiter, as_written=as_written), 1, None)

    def column(self, name: str) -> int:
        """Where the column `name` is. Raises InvalidInputError where none or two are called so, naming those there."""
        header = [from_spreadsheet_cell(cell).strip() for cell in self.header]
        places = [place for place, own in enumerate(header) if plain_heading(own) == plain_heading(name)]
        if not places:
            known = ", ".join(own or "(blank)" for own in header)
            raise InvalidInputError(f"{self.path}: no column '{name}'; it has: {known}")
        if len(places) > 1:
            raise InvalidInputError(f"{self.path}: column '{name}' appears twice; rename one")
        return places[0]


def open_csv(path: Path, encoding: str | None = None) -> CsvFile:
    """The table in `path`, checked to its end: comma, semicolon, tab or what its `sep=` line names; UTF-8, UTF-16,
    GB18030 or Big5 unless an encoding is given.

    A file in UTF-8 is never held as a whole; one in another encoding is, while the encoding is recognised. Raises
    NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    digest, is_utf_8 = _first_look(path)
    known = encoding or ("utf-8-sig" if is_utf_8 else _readable(read_csv_text(path).encoding))
    if encoding is not None:
        known = _readable(read_csv_text(path, encoding).encoding)
    with _opened(path, known) as lines:
        named = without_separator_line(lines.read(_FIRST_LINE))[1]
    candidates = (named,) if named else tuple(DELIMITERS)
    delimiter = max(candidates, key=lambda each: evenness(_beginning(path, known, each)))
    rows = _rows(path, known, delimiter)
    header = next(rows, None)
    if header is None:
        raise InvalidInputError(f"{path}: has no header; the first row must name the columns")
    return CsvFile(path, known, delimiter, header.cells, sum(1 for _ in rows), digest)


def _first_look(path: Path) -> tuple[str, bool]:
    """The file's hash, and whether it is UTF-8 to its end."""
    if not path.is_file():
        read_csv_text(path)  # says what it is
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    is_utf_8, begun = True, False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if not begun:
                check_may_be_csv(chunk, path)
                begun, is_utf_8 = True, b"\0" not in chunk and not chunk.startswith((b"\xff\xfe", b"\xfe\xff"))
            digest.update(chunk)
            if is_utf_8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf_8 = False
        try:
            decoder.decode(b"", final=is_utf_8)
        except UnicodeDecodeError:
            is_utf_8 = False
    if not begun:
        read_csv_text(path)
    return digest.hexdigest(), is_utf_8


def _readable(encoding: str) -> str:
    return "gb18030" if encoding in {"gbk", "gb2312"} else encoding


def _opened(path: Path, encoding: str) -> TextIO:
    errors = WITH_EURO if encoding == "gb18030" else "strict"
    return path.open(encoding=encoding, errors=errors, newline="")


def _beginning(path: Path, encoding: str, delimiter: str) -> list[Row]:
    with closing(_rows(path, encoding, delimiter)) as rows:
        found: list[Row] = []
        with suppress(InvalidInputError):  # what comes before a quotation mark that is never closed tells as much
            found.extend(itertools.islice(rows, _JUDGED))
        return found


def _rows(path: Path, encoding: str, delimiter: str, *, as_written: bool = False) -> Generator[Row, None, None]:
    with _opened(path, encoding) as lines:
        first = lines.readline()
        below = without_separator_line(first)[0]
        text = itertools.chain([below] if below else [], lines)
        for row in csv_rows(text, delimiter, str(path), as_written=as_written):
            if any(unwrapped_cell(cell).strip() for cell in row.cells):
                yield row
