"""Files that are given as a CSV and are something else, by how they begin."""

from __future__ import annotations

import re
from pathlib import Path

from saggar.errors import InvalidInputError
from saggar.files.text_encoding import SAVE_AS

_EXPORT = "export the table as CSV"
_BEGINNINGS = (
    ((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), "a spreadsheet workbook", SAVE_AS),  # .xlsx and .ods are ZIP files; .xls
    ((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd"), "an archive", "unpack it"),
    ((b"MIME-Version:", b"From: <Saved by"), "a saved web page (MHT)", f"open it in a spreadsheet, then {SAVE_AS}"),
    ((b"ID;P",), "a SYLK table", f"open it in a spreadsheet, then {SAVE_AS}"),
    ((b"%PDF-",), "a PDF", f"{_EXPORT} from where it was made"),
    ((b"{\\rtf",), "a text document (RTF)", f"{_EXPORT} from where it was made"),
    ((b"SQLite format 3\x00",), "a database (SQLite)", _EXPORT),
    ((b"PAR1",), "a Parquet file", _EXPORT),
    ((b"version https://git-lfs",), "a pointer of Git LFS", "`git lfs pull` brings the file itself"),
    ((b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\x00", b"MM\x00*"), "an image", "name the CSV of its labels"),
)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|\?xml|html|table|meta|div)\b", re.IGNORECASE)
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[{]|\{\s*(?:\"|\}))")


def check_may_be_csv(data: bytes, path: Path) -> None:
    """Raises InvalidInputError, with what the file is, where its beginning `data` is that of no CSV."""
    for beginnings, what, remedy in _BEGINNINGS:
        if data.startswith(beginnings):
            raise InvalidInputError(f"{path}: is {what}, not a CSV; {remedy}")
    if _MARKUP.match(data):
        raise InvalidInputError(f"{path}: is a web page or XML, not a CSV; open it in a spreadsheet, then {SAVE_AS}")
    if _JSON.match(data):
        raise InvalidInputError(f"{path}: is JSON, not a CSV; {_EXPORT}, with a row per photograph")
