"""Types of vessel in catalogue text: the head of the name, not the words that describe it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from saggar.catalogue.attributes.evidence import Finding, finding, outside, several
from saggar.catalogue.words.lexicon import Lexicon, Match, build_lexicon, class_words, outside_words
from saggar.catalogue.words.marks import alternatives, any_of
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.text import Text
from saggar.taxonomy import Task


@dataclass(frozen=True)
class FormReader:
    """Reads types of vessel; made from a taxonomy's task of kind "form"."""

    lexicon: Lexicon
    suffixes: re.Pattern[str]
    joined: re.Pattern[str]
    stops: re.Pattern[str]
    not_heads: re.Pattern[str]
    through: re.Pattern[str]

    def read(self, text: Text) -> list[Finding]:
        """What a name says: 盘口瓶 is a 瓶, a "bowl stand" is no bowl, a "bowl with fish" is one."""
        matches = [m for m in self.lexicon.find(text) if m.latin or not _in_brackets(text.plain, m.start)]
        found = self._chinese(text, [m for m in matches if not m.latin])
        return found or self._latin(text, [m for m in matches if m.latin])

    def _chinese(self, text: Text, matches: list[Match]) -> list[Finding]:
        if not matches:
            return []
        for start, end in _segments(text.plain):
            heads = [m for m in matches if start <= m.start and m.end <= end and self._ends(text.plain[m.end : end])]
            if heads:
                return _decided(text, heads)
        return []

    def _ends(self, rest: str) -> bool:
        """Whether nothing but a note on the state of the piece, or a further piece, follows."""
        rest = _BRACKETS.sub("", rest).strip()
        return bool(self.suffixes.fullmatch(rest) or self.joined.match(rest))

    def _latin(self, text: Text, matches: list[Match]) -> list[Finding]:
        heads = [m for m in matches if not self.not_heads.match(text.plain[m.end :])]
        if not heads:
            return []
        pieces = list(_latin_segments(text.plain))
        for start, end in [
            *((start, self._phrase_end(text.plain, start, end)) for start, end in pieces),
            *pieces,
        ]:
            inside = [m for m in heads if start <= m.start and m.end <= end]
            if inside:
                return _decided(text, self._last_of_each(text.plain, inside))
        return []

    def _phrase_end(self, plain: str, start: int, end: int) -> int:
        """Where the noun phrase at `start` ends: at "with", "of"... but not within "a pair of"."""
        begin = start
        while hit := self.through.match(plain, begin, end):
            begin = hit.end()
        stop = self.stops.search(plain, begin, end)
        return stop.start() if stop else end

    @staticmethod
    def _last_of_each(plain: str, matches: list[Match]) -> list[Match]:
        """The last word of each part between "and"s: "cup and saucer" has two heads, "tea bowl dish" one."""
        parts: list[list[Match]] = [[matches[0]]]
        for before, match in pairwise(matches):
            if re.search(r"(?<![a-z])(?:and|or)(?![a-z])|[&/+]", plain[before.end : match.start]):
                parts.append([])
            parts[-1].append(match)
        return [part[-1] for part in parts if part]


def form_reader(task: Task) -> FormReader:
    """The reader for a task whose classes are types of vessel."""
    rules = load_rules().form
    entries = [*class_words(task, names_alone=True), *outside_words(rules.outside)]
    return FormReader(
        build_lexicon(entries, plural=True),
        suffixes=re.compile(rf"(?:{alternatives(rules.suffixes)}|[\d一二两三四五六]+[件只个]|[\d\s#.a-z])*"),
        joined=re.compile(any_of(rules.joined)),
        stops=re.compile(any_of(rules.stops)),
        not_heads=re.compile(rf"[\s'-]*{any_of(rules.not_heads)}"),
        through=re.compile(rf"\s*{any_of(rules.through)}"),
    )


_BRACKETS = re.compile(r"[(\[（【][^)\]）】]*[)\]）】]?|\"[^\"]*\"")


def _decided(text: Text, heads: list[Match]) -> list[Finding]:
    meanings = list(dict.fromkeys(head.meaning.code or head.meaning.name for head in heads))
    found = [
        finding(text, h.start, h.end, h.meaning.code, "" if h.meaning.code else outside(h.meaning.name)) for h in heads
    ]
    return [several(found, "type")] if len(meanings) > 1 else found[-1:]


def _in_brackets(plain: str, place: int) -> bool:
    return any(hit.start() <= place < hit.end() for hit in _BRACKETS.finditer(plain))


def _segments(plain: str) -> Iterator[tuple[int, int]]:
    """Parts of a Chinese name between commas and the like."""
    start = 0
    for hit in re.finditer(r"[,，;；。:：/|\n]|$", plain):
        if hit.start() > start:
            yield start, hit.start()
        start = hit.end()


def _latin_segments(plain: str) -> Iterator[tuple[int, int]]:
    start = 0
    for hit in re.finditer(r"[,;:|\n(\[)\]]|\.(?=\s|$)|\s-\s|$", plain):
        if plain[start : hit.start()].strip():
            yield start, hit.start()
        start = hit.end()


def vessel_words(task: Task) -> tuple[str, ...]:
    """All words for the classes of a task of types."""
    return tuple(word for word, meaning in class_words(task, names_alone=True) if meaning.code)
