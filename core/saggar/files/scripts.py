"""Letters of another script within a word: they look alike, and no comparison takes them for one another."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_ALIKE = ("LATIN", "GREEK", "CYRILLIC")  # as names of their letters in Unicode begin; many are drawn the same
_CYRILLIC = dict(
    zip(
        "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u0501",
        "abekmhopctyxijsd",
        strict=True,
    )
)
_GREEK = dict(zip("\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7", "abeikvoptux", strict=True))
_TWINS = str.maketrans(_CYRILLIC | _GREEK)  # without case, by capitals too: of Greek tau it is the capital
_WORD = re.compile(r"[^\W\d_]+")


def foreign_letter(text: str) -> str:
    """E.g. `'o' (U+043E cyrillic small letter o) among Latin letters`, of the first word that mixes Latin, Greek and
    Cyrillic; empty where none does. Words of one script and Chinese beside Latin (`A型`) are no mixture.
    """
    for word in _WORD.findall(unicodedata.normalize("NFC", text)):
        scripts = [_script(letter) for letter in word]
        found = Counter(script for script in scripts if script)
        if len(found) > 1:
            commonest = found.most_common(1)[0][0]
            strange = next(
                letter for letter, script in zip(word, scripts, strict=True) if script not in {"", commonest}
            )
            name = f"U+{ord(strange):04X} {unicodedata.name(strange).lower()}"
            return f"'{strange}' ({name}) among {commonest.capitalize()} letters"
    return ""


def in_latin_shapes(text: str) -> str:
    """Without case, and with Latin letters for the Cyrillic and Greek ones that are drawn as they are."""
    return text.casefold().translate(_TWINS)


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return next((script for script in _ALIKE if name.startswith(f"{script} ")), "")
