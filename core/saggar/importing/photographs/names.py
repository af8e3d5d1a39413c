"""Names of files as people and systems write them: no UTF-8, other Unicode forms, characters that look alike."""

from __future__ import annotations

import os
import re
import unicodedata

_SURROGATE = re.compile("[\ud800-\udfff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u30fc]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def readable(name: str) -> str:
    r"""A name from the file system as text: bytes that are no UTF-8 read as GB18030 (ZIP files of Chinese Windows have
    such), or else escaped, as in `b\xd0.jpg`. Parts of a path may differ.
    """
    if not _SURROGATE.search(name):
        return name
    return "/".join(map(_readable_part, name.split("/")))


def on_disk(part: str) -> tuple[str, ...]:
    """How the file system may have one part of a path, in the order of trying."""
    composed, decomposed = unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part)
    spellings = [part, composed, decomposed]
    if not part.isascii():
        for text in (part, composed):
            try:
                spellings.append(os.fsdecode(text.encode("gb18030")))
            except UnicodeEncodeError:  # a lone surrogate
                continue
    return tuple(dict.fromkeys(spellings))


def look_alike(name: str) -> str:
    """Equal for names that a reader would take for one another: case, dashes, invisible and full-width characters."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _DASHES.sub("-", readable(name))))
    return _DASHES.sub("-", plain).casefold()


def odd_characters(name: str) -> str:
    """Names of the characters of `name` that only look like others, for a hint; blank where there are none."""
    at_ends = {end for part in name.split("/") for end in (part[:1], part[-1:])}
    found = dict.fromkeys(
        c for c in name if _DASHES.match(c) or _INVISIBLE.match(c) or (c.isspace() and (c != " " or c in at_ends))
    )
    return ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, 'unnamed').lower()}" for c in found)


def _readable_part(part: str) -> str:
    if not _SURROGATE.search(part):
        return part
    try:
        text = os.fsencode(part).decode("gb18030")
    except UnicodeError:
        text = ""
    return text if text.isprintable() and text else _SURROGATE.sub(lambda found: _escaped(found[0]), part)


def _escaped(surrogate: str) -> str:
    byte = ord(surrogate) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else f"\\u{ord(surrogate):04x}"
