"""Catalogue text folded for comparison, with the way back to the words as they were."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from saggar.catalogue.words.rules import load_rules
from saggar.errors import WrongStateError

_DASHES = "‐‑‒–—―−~˜∼〜～﹣-"
_APOSTROPHES = "‘’‛ʻʼ`´′'"


@dataclass(frozen=True)
class Text:
    """`plain` is lower case, simplified, without accents; `plain[i]` comes from `raw[origin[i]]`."""

    raw: str
    plain: str
    origin: tuple[int, ...]

    def quote(self, start: int, end: int) -> str:
        """The words of `raw` that `plain[start:end]` was made from."""
        return self.raw[self.origin[start] : self.origin[end - 1] + 1]

    def part(self, start: int, end: int) -> Text:
        """The text between two positions of `plain`."""
        if start >= end:
            return Text("", "", ())
        first = self.origin[start]
        places = tuple(place - first for place in self.origin[start:end])
        return Text(self.quote(start, end), self.plain[start:end], places)


@lru_cache(2**14)  # a catalogue's cells repeat, and a taxonomy's words do for every reader
def fold(raw: str) -> Text:
    """`raw` in the one form in which words are compared."""
    pieces: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(raw):
        folded = _folded(character)
        pieces.append(folded)
        origin += [place] * len(folded)
    return Text(raw, "".join(pieces), tuple(origin))


def is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or character == "〇"


@cache
def _folded(character: str) -> str:
    if character in _DASHES:
        return "-"
    if character in _APOSTROPHES:
        return "'"
    if character in "“”„«»":
        return '"'
    plain = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    if plain.isspace():
        return "\n" if character in "\n\r\u2028" else " "
    return "".join(_simplified().get(c, c) for c in plain.casefold())


@cache
def _simplified() -> dict[str, str]:
    """Character by character, so that places stay; OpenCC's table, and the variants that it leaves alone."""
    try:
        import opencc
    except ImportError:
        raise WrongStateError(
            "reading catalogue text needs OpenCC, which is not installed; install it: pip install opencc"
        ) from None
    characters = [chr(code) for code in range(0x3400, 0xA000)]
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    table = {a: b for a, b in zip(characters, converted, strict=True) if a != b}
    for variant, plain in load_rules().characters.items():
        table[variant] = plain
        table.update({a: plain for a, b in table.items() if b == variant})
    return table
