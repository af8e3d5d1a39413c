"""Ids of objects as a reader takes them: two that differ in spelling alone name one object."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from saggar.files.scripts import in_latin_shapes

# of no width, beside those that Unicode calls format or control characters
_HIDDEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_BLANK_SYMBOL = "\u2800"  # braille of no dots
_DASHES = re.compile(  # Unicode's dash punctuation, the minus sign, and the long mark that Japanese keyboards give
    "[\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63"
    "\uff0d\U00010ead\u2212\u30fc]"
)
_APART = ("<super>", "<sub>", "<circle>", "<fraction>")  # 12² is not 122, nor A① A1


@lru_cache(maxsize=1 << 16)
def canonical_id(object_id: str) -> str:
    """Equal for ids of one object: NFKC (but 12² is not 122), without letter case, odd blanks and dashes, invisible
    characters, an apostrophe before it, and with Latin letters for those of other scripts that are drawn the same.
    """
    text, before = object_id, ""
    for _ in range(3):  # what is full-width or a capital may come apart into what an earlier step takes away
        if text == before:
            break
        before = text
        for _, plainer in _STEPS:
            text = plainer(text)
    return text


def differences(one: str, other: str) -> list[str]:
    """In what two spellings of one object's id differ, in words, e.g. `letter case`."""
    found: list[str] = []
    for name, plainer in _STEPS:
        if one == other:
            break
        plain, other_plain = plainer(one), plainer(other)
        if plain == other_plain or (plain == one) != (other_plain == other):
            found.append(name)
        one, other = plain, other_plain
    return found


def visible(text: str) -> str:
    """An id to be shown: blanks other than a space, and invisible characters, by their codes, e.g. `A<U+00A0>12`."""
    return "".join(
        f"<U+{ord(c):04X}>" if _is_hidden(c) or (c != " " and (c.isspace() or c == _BLANK_SYMBOL)) else c for c in text
    )


def _without_hidden(text: str) -> str:
    if text.isprintable() and not _HIDDEN.search(text):
        return text
    return "".join(c for c in text if not _is_hidden(c))


def _is_hidden(c: str) -> bool:
    return bool(_HIDDEN.match(c)) or (unicodedata.category(c) in {"Cf", "Cc"} and not c.isspace())


def _single_spaced(text: str) -> str:
    return " ".join(text.replace(_BLANK_SYMBOL, " ").split())


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _compatible(text: str) -> str:
    if unicodedata.is_normalized("NFKC", text):
        return text
    parts = (f"^{c}" if unicodedata.decomposition(c).startswith(_APART) else c for c in text)
    return unicodedata.normalize("NFKC", "".join(parts))


def _plain_dashes(text: str) -> str:
    return _DASHES.sub("-", text)


def _without_apostrophe(text: str) -> str:
    return text.lstrip("'\u2018\u2019\u02bc") or text


_STEPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("invisible characters", _without_hidden),
    ("blanks", _single_spaced),
    ("Unicode form", _composed),
    ("full-width or other forms of letters", _compatible),
    ("dashes", _plain_dashes),
    ("an apostrophe before it", _without_apostrophe),
    ("letter case", str.casefold),
    ("letters of another script that look the same", in_latin_shapes),
)
