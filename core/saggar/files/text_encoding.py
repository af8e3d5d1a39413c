"""Text files in whatever encoding people save them: recognised, or refused with the line and the remedy."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.regular import read_regular

SAVE_AS = "save it as UTF-8 (Excel: Save As, CSV UTF-8)"
NAME_IT = "name its encoding: --encoding gb18030 (simplified Chinese), big5 (traditional) or windows-1252 (Western)"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHINESE = {  # Python's codec, and the lead bytes of the characters that its standard calls frequent
    "gb18030": (0xB0, 0xD7),
    "cp950": (0xA4, 0xC6),  # Big5 as Windows has it
}
_LEAST_FREQUENT = 0.4  # share of frequent characters in real text; accents misread as Chinese have next to none
_CLEARLY = 0.2  # by how much one reading must have a larger share than the other
_WITHIN_WORD = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")
_EURO = 0x80  # a euro sign in Windows' code page 936, and no character of GB18030
_JUDGED, _BROKEN = 6, 2  # characters of a text that may be called Chinese with this many broken bytes
_REPLACED = "\ufffd"
_LEAST_NULS = 0.01  # share of NULs in one half of UTF-16's bytes: digits and commas have them even in Chinese


LARGEST_TEXT_BYTES = 1 << 30

_NO_FILES = {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined"}  # Python's own, of no table


def read_text(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text of `path` and its encoding: UTF-8, UTF-16, UTF-32, GB18030 or Big5 unless one is given.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    return decoded_text(read_bytes(path), str(path), encoding)


def read_bytes(path: Path) -> bytes:
    """The bytes of a text file. Raises as `read_text`."""
    try:
        return read_regular(path, LARGEST_TEXT_BYTES)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
    except IsADirectoryError:
        raise InvalidInputError(f"{path}: is a folder, not a file; name the file in it") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInputError(f"{path}: cannot be read ({reason}); check its permissions") from None


def decoded_text(data: bytes, source: str, encoding: str | None = None) -> tuple[str, str]:
    """`data` as text, and its encoding; `source` names it in errors. Raises InvalidInputError."""
    if encoding is not None:
        return _strictly(data, _known(encoding), source)[0], encoding
    return _recognised(data, source)


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)  # rot13 and base64 are known too, and no encodings of text
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if not name or name.replace("-", "_") in _NO_FILES:
        raise InvalidInputError(
            f"'{encoding}' is not a known encoding; try utf-8, gb18030, big5, cp950, utf-16 or windows-1252"
        )
    return name


def _recognised(data: bytes, source: str) -> tuple[str, str]:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strictly(data, encoding, source)
    if unmarked := _utf_16(data):
        return _strictly(data, unmarked, source)
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        broken = error.start
    if _mostly_utf_8(data):
        raise InvalidInputError(
            f"{source}: {_place(data, broken)} is not UTF-8, as the rest of the file is; correct it, or {SAVE_AS}"
        )
    shares = {encoding: _frequent(data, encoding) for encoding in _CHINESE}
    best = max(shares, key=lambda encoding: shares[encoding])
    other = min(shares.values())
    if shares[best] < _LEAST_FREQUENT or shares[best] - other < _CLEARLY:
        line = data.count(b"\n", 0, broken) + 1
        raise InvalidInputError(
            f"{source}: line {line}: the encoding is not clear: not UTF-8 or UTF-16, and not clearly Chinese "
            f"GB18030 or Big5 (perhaps Latin-1 or Windows-1252); {SAVE_AS}, or {NAME_IT}"
        )
    return _strictly(data, best, source)


def _utf_16(data: bytes) -> str | None:
    """UTF-16 without its mark: one byte of each ASCII character is NUL, always on the same side."""
    start = data[: 4096 - len(data[:4096]) % 2]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if min(even, odd) or max(even, odd) < max(2, _LEAST_NULS * len(start) / 2):
        return None
    encoding = "utf-16-le" if odd else "utf-16-be"
    try:  # a single NUL in another text turns pairs of its characters into odd ones, and lines are lost
        text = start.decode(encoding, errors="ignore")
    except UnicodeDecodeError:
        return None
    return encoding if any(character in text for character in "\n\r,;\t") else None


def _strictly(data: bytes, encoding: str, source: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        start, reason = error.start, error.reason
    if encoding in {"gb18030", "gbk", "gb2312"}:
        try:
            return data.decode("gb18030", errors=WITH_EURO), encoding
        except UnicodeDecodeError as error:
            start, reason = error.start, error.reason
    name = encoding.upper()
    if encoding.startswith(("utf-16", "utf-32")):
        raise InvalidInputError(f"{source}: starts as {name} and is broken at byte {start} ({reason}); {SAVE_AS}")
    raise InvalidInputError(f"{source}: {_place(data, start)} is not {name} ({reason}); correct it, or {SAVE_AS}")


def _place(data: bytes, position: int) -> str:
    line = data.count(b"\n", 0, position) + 1
    return f"line {line}: byte 0x{data[position]:02X} (number {position:,} of the file)"


def _euro(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == _EURO:
        return "€", error.start + 1
    raise error


WITH_EURO = "saggar-euro"
codecs.register_error(WITH_EURO, _euro)


def _mostly_utf_8(data: bytes) -> bool:
    """Whether what is not ASCII is UTF-8, but for a few bytes."""
    text = data.decode("utf-8", errors="replace")
    strange = sum(not character.isascii() for character in text)
    return text.count(_REPLACED) * 4 < strange


def _frequent(data: bytes, encoding: str) -> float:
    """Share of the frequent characters among those that are not ASCII, were the data in this encoding.

    A Chinese text read in the wrong encoding falls on rare characters, or on none. 0 where the characters stand
    singly inside Western words.
    """
    text = data.decode(encoding, errors="replace")
    strange = [character for character in text if not character.isascii()]
    if not strange or len(_WITHIN_WORD.findall(text)) >= len(strange) / 2:
        return 0.0
    broken = strange.count(_REPLACED)
    if broken and (len(strange) < _JUDGED or broken > max(_BROKEN, len(strange) // 20)):
        return 0.0
    first, last = _CHINESE[encoding]
    leads = (character.encode(encoding) for character in strange if character != _REPLACED)
    frequent = sum(len(lead) == 2 and (first <= lead[0] <= last or _punctuation(lead)) for lead in leads)
    return frequent / len(strange)


def _punctuation(lead: bytes) -> bool:
    return 0xA1 <= lead[0] <= 0xA3
