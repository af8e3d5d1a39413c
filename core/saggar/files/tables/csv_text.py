"""Read and write CSV files as people and their spreadsheets save them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.tables.not_a_table import check_may_be_csv
from saggar.files.text_encoding import decoded_text, read_bytes

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

_LINE_END = re.compile("[\u2028\u2029\x85]")  # of other programs; within a header they part what should be rows
_SEPARATOR_LINE = re.compile(r'\ufeff*"?sep=(?P<delimiter>[^"\r\n]?)"?[,;\t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
_AS_TEXT = re.compile(r'="(?P<text>[^"]*)"')  # how Excel is made to leave 0012 alone
_END_OF_FILE = "\x1a"  # Ctrl-Z, with which programs of DOS end a text
_NUMBER = re.compile(r"[-+]?[\d.,]+(?:[eE][-+]?\d+)?%?")
_FORMULA = re.compile(r"[ \n]*[=+\-@\t\r]|[\s\x00-\x1f\x7f-\x9f\ufeff]*[=+\-@]")
_GUARDED = re.compile(f"'+({_FORMULA.pattern})")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")  # by a NUL, readers take a file for UTF-16 or for no text
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)


@dataclass(frozen=True)
class Row:
    """`number` counts as a spreadsheet does: the first row of the file is 1, blank rows count."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class CsvText:
    """The text of a CSV below its `sep=` line, which names the `delimiter` and which spreadsheets do not show."""

    text: str
    encoding: str
    delimiter: str | None = None

    @property
    def delimiters(self) -> tuple[str, ...]:
        """Those that may part its cells."""
        return (self.delimiter,) if self.delimiter else tuple(DELIMITERS)


def read_csv_text(path: Path, encoding: str | None = None) -> CsvText:
    """The text of `path`: UTF-8, UTF-16, UTF-32, GB18030 or Big5 unless an encoding is given.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    try:
        data = read_bytes(path)
    except NotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path of the CSV", str(path)) from None
    except InvalidInputError as error:
        raise InvalidInputError(str(error).replace("not a file; name", "not a CSV file; name")) from None
    if not data.strip():
        raise InvalidInputError(f"{path}: is empty; it must have a header row and rows below it")
    check_may_be_csv(data, path)
    text, encoding = decoded_text(data, str(path), encoding)
    below, delimiter = without_separator_line(text)
    return CsvText(below, encoding, delimiter)


def without_separator_line(text: str) -> tuple[str, str | None]:
    """The text below its `sep=` line, and the delimiter that the line names; as it is where there is no such line."""
    if not (found := _SEPARATOR_LINE.match(text)):
        return text, None
    return text[found.end() :], found["delimiter"] or None


def csv_rows(text: str | Iterable[str], delimiter: str, source: str, *, as_written: bool = False) -> Iterator[Row]:
    """All rows of a text, or of its lines, that have a cell; `source` names the file in errors. Cells such as ="0012"
    hold the text within; `as_written`: they stay as they are.
    """
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    reader = csv.reader(_visible(lines, delimiter), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if number == 1 and (end := next(filter(None, map(_LINE_END.search, map(str.strip, cells))), None)):
                raise InvalidInputError(
                    f"{source}: its lines end with U+{ord(end[0]):04X}, which tables are not parted by; save it with "
                    "ordinary line ends"
                )
            if cells and cells != [_END_OF_FILE]:
                yield Row(number, tuple(cells if as_written else map(unwrapped_cell, cells)))
    except csv.Error as error:
        at = f"{source}: row {number + 1}"
        if "field limit" in str(error):
            raise InvalidInputError(
                f"{at}: a value has more than {csv.field_size_limit():,} characters; shorten it, or close the "
                "quotation mark that opens it"
            ) from None
        raise InvalidInputError(
            f"{at}: not valid CSV ({error}); a quotation mark that opens a value must be closed at its end, and one "
            "inside a value is written twice"
        ) from None


def _visible(lines: Iterable[str], delimiter: str) -> Iterator[str]:
    """The lines without byte order marks before them, which joined files have, and without invisible characters that
    part a quotation mark from the edge of its cell.
    """
    edge = re.escape(delimiter)
    hidden = re.compile(
        rf"(?<![^{edge}]){_INVISIBLE.pattern}+(?=\")|(?<=\"){_INVISIBLE.pattern}+(?=[{edge}\r\n]|$)|^\ufeff+"
    )
    for line in lines:
        yield line if line.isascii() else hidden.sub("", line)


def evenness(table: Sequence[Row]) -> tuple[float, int]:
    """How well a delimiter parts a table: the share of rows that are as wide as the header, where that is more than one
    column; then the width.
    """
    if not table:
        return (0.0, 0)
    width = len(table[0].cells)
    even = sum(len(row.cells) == width for row in table) / len(table)
    return (even if width > 1 else 0.0, width)


def delimiter_name(delimiter: str) -> str:
    """What a person calls it."""
    return DELIMITERS.get(delimiter, f"'{delimiter}'")


# What people call the column that names photographs, as `plain_heading` has it.
IMAGE_HEADINGS = frozenset(
    {"image", "file", "filename", "file_name", "file name", "filepath", "path", "image file", "image name", "img"}
    | {"image_path", "photo", "photograph", "picture", "图片", "图像", "照片", "文件", "文件名"}
)


def plain_heading(name: str) -> str:
    """A column's name without its case, invisible characters and odd spaces, full-width letters as plain ones."""
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name))
    return " ".join(visible.split()).casefold()


def plain_name(name: str) -> str:
    """A column's name as `plain_heading` has it, without its American spelling."""
    plain = plain_heading(name)
    return "licence" if plain == "license" else plain


def spreadsheet_cell(text: str) -> str:
    """A message as one harmless cell: as `data_cell` makes it, and without control characters."""
    plain = _CONTROL.sub(_escaped, text)
    return f"'{plain}" if _is_risky(text) else plain


def data_cell(text: str) -> str:
    """`text` as it is, as a cell that is no formula for a spreadsheet to run.

    What looks like a formula and is no plain number gets an apostrophe before it, and so does what begins with such an
    apostrophe itself; `from_spreadsheet_cell` undoes it. What no text can hold (NUL, halves of characters) is escaped.
    """
    plain = _NO_TEXT.sub(_escaped, text)
    return f"'{plain}" if _is_risky(text) else plain


def copied_cell(cell: str) -> str:
    """A cell of a CSV for another: as it is written there, unless a spreadsheet would run it as a formula."""
    return cell if from_spreadsheet_cell(cell) != cell or unwrapped_cell(cell) != cell else data_cell(cell)


def from_spreadsheet_cell(cell: str) -> str:
    """A cell that `spreadsheet_cell` or `data_cell` made safe, as it was."""
    return cell[1:] if _GUARDED.match(cell) else cell


def unwrapped_cell(cell: str) -> str:
    """The text in a cell such as ="0012"; any other cell as it is."""
    found = _AS_TEXT.fullmatch(cell.strip()) if cell[:1] in {"=", " "} else None
    return found["text"] if found else cell


def _is_risky(text: str) -> bool:
    if _GUARDED.match(text):
        return True
    return _FORMULA.match(text) is not None and not _NUMBER.fullmatch(text.strip())


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
