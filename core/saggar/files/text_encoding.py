"""Text files in whatever encoding people save them: recognised, or refused with the line and the remedy."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.chinese_text import CP950, GB18030, HKSCS, NAMES, clear_encoding, no_cells_of, utf_8_cells, without
from saggar.files.regular import read_regular

BOM = "\ufeff"  # byte order mark: of a file that two were joined to, it may come again, and in the middle
SAVE_AS = "save it as UTF-8 (Excel: Save As, CSV UTF-8)"
NAME_IT = (
    "name its encoding: --encoding gb18030 (simplified Chinese), big5 (traditional), big5hkscs (Hong Kong) or "
    "windows-1252 (Western)"
)

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(rb"\r\n?|\n")
_EURO = 0x80  # a euro sign in Windows' code page 936, and no character of GB18030
_REPLACED = "\ufffd"
_LOOKED_AT, _SHOWN = 100, 3  # cells in another encoding, and lines of them that are named
_LEAST_NULS = 0.01  # share of NULs in one half of UTF-16's bytes: digits and commas have them even in Chinese

_LARGER = {  # what is called by its smaller relative's name is read as the first of these that reads it
    "gbk": (GB18030,),
    "gb2312": (GB18030,),
    GB18030: (GB18030,),  # with the euro sign of Windows
    "big5": (CP950, HKSCS),
    CP950: (HKSCS,),
}
LARGEST_TEXT_BYTES = 1 << 30

_NO_FILES = {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined"}  # Python's own, of no table


def read_text(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text of `path` and its encoding: UTF-8, UTF-16, UTF-32, GB18030 or Big5 unless one is given.

    Raises NotFoundError, or InvalidInputError that says what is wrong with the file and what to do.
    """
    return decoded_text(read_bytes(path), str(path), encoding)


def marked_text(data: bytes, source: str) -> str:
    """Text that a person wrote, in UTF-8, or in UTF-16 or UTF-32 that begins with its mark; without the mark.

    For settings, prompts and keys, of which no other encoding is guessed. Raises InvalidInputError, with the line.
    """
    encoding = _marked(data) or "utf-8"
    try:
        return data.decode(encoding).lstrip(BOM)
    except UnicodeDecodeError as error:
        line = f":{_line(data, error.start)}" if encoding.startswith("utf-8") else ""
        what = "not UTF-8 text" if line else f"starts as {encoding.upper()} and is broken"
        raise InvalidInputError(f"{source}{line}: {what} ({error.reason}); save it as UTF-8") from None


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
    """`data` as text without its byte order marks, and its encoding; `source` names it in errors.

    The encoding is that which is given, or the larger one that was needed. Raises InvalidInputError.
    """
    if encoding is None:
        text, used = _recognised(data, source)
    else:
        known = _known(encoding)
        chinese = known if known in NAMES else next(iter(_LARGER.get(known, ())), None)
        if chinese:
            _refuse_mixture(data, chinese, utf_8_cells(data), source)
        text, used = _strictly(data, known, source)
        used = encoding if used == known else used
    return text.lstrip(BOM), used


def recognised_as(encoding: str) -> str:
    """What to say of a text whose encoding was recognised; blank for UTF-8 and its kin."""
    if not (name := NAMES.get(encoding)):
        return ""
    return f"not UTF-8; read as {name}. If Chinese text looks wrong, {NAME_IT}, or {SAVE_AS}"


@contextmanager
def telling_encoding(encoding: str) -> Iterator[None]:
    """Within it, what is wrong with a text whose encoding was recognised says so: it may be the cause."""
    try:
        yield
    except InvalidInputError as error:
        told = recognised_as(encoding)
        raise (error.with_remark(f"\nthe file is {told}") if told else error) from None


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
    if marked := _marked(data):
        return _strictly(data, marked, source)
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
    cells = utf_8_cells(data)
    encoding = clear_encoding(without(data, cells) if cells else data)
    if encoding:
        _refuse_mixture(data, encoding, cells, source)
    if cells:
        encoding = clear_encoding(data)
    if encoding is None:
        line = _line(data, broken)
        raise InvalidInputError(
            f"{source}: line {line}: the encoding is not clear: not UTF-8 or UTF-16, and not clearly Chinese "
            f"GB18030 or Big5 (perhaps Latin-1 or Windows-1252); {SAVE_AS}, or {NAME_IT}"
        )
    return _strictly(data, encoding, source)


def _refuse_mixture(data: bytes, encoding: str, cells: list[tuple[int, bytes]], source: str) -> None:
    """Raises InvalidInputError where some of the `cells` are UTF-8, in a text that is in `encoding`."""
    starts = list(no_cells_of(encoding, cells))
    if not starts:
        return
    lines = list(dict.fromkeys(_line(data, start) for start in starts[:_LOOKED_AT]))
    shown = ", ".join(f"{line:,}" for line in lines[:_SHOWN])
    more = " and others" if len(lines) > _SHOWN or len(starts) > _LOOKED_AT else ""
    which = f"line {shown} is" if len(lines) == 1 else f"lines {shown}{more} are"
    raise InvalidInputError(
        f"{source}: {which} UTF-8, and the rest of the file is {NAMES[encoding]}; save all of it in one encoding, "
        "best UTF-8"
    )


def _marked(data: bytes) -> str | None:
    """The encoding whose mark the data begin with."""
    return next((encoding for bom, encoding in _BOMS if data.startswith(bom)), None)


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
    for larger in _LARGER.get(encoding, ()):
        try:
            return data.decode(larger, errors=WITH_EURO if larger == GB18030 else "strict"), larger
        except UnicodeDecodeError as error:
            start, reason = error.start, error.reason
    name = encoding.removesuffix("-sig").upper()
    if encoding.startswith(("utf-16", "utf-32")):
        raise InvalidInputError(f"{source}: starts as {name} and is broken at byte {start} ({reason}); {SAVE_AS}")
    raise InvalidInputError(f"{source}: {_place(data, start)} is not {name} ({reason}); correct it, or {SAVE_AS}")


def _place(data: bytes, position: int) -> str:
    return f"line {_line(data, position)}: byte 0x{data[position]:02X} (number {position:,} of the file)"


def _line(data: bytes, position: int) -> int:
    return sum(1 for _ in _LINE_END.finditer(data, 0, position)) + 1


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
