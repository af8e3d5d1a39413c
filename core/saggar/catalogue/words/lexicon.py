"""The words of one task: what stands for which class, and what lies outside the classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from saggar.catalogue.words.text import Text, fold, is_han
from saggar.taxonomy import Task, TaxonomyClass

_JOINT = re.compile(r"[\s'\"\-]+")


@dataclass(frozen=True)
class Meaning:
    """What a word stands for: a class (`code`), or something outside (`code` is None, `name` says what).

    `alone`: the word counts wherever it is; otherwise only beside a word such as "ware" or "dynasty".
    """

    code: str | None
    name: str
    alone: bool


@dataclass(frozen=True)
class Match:
    """A word found at `plain[start:end]` of a text."""

    start: int
    end: int
    meaning: Meaning
    latin: bool


@dataclass(frozen=True)
class Lexicon:
    """Finds its words in texts, the longest first where they overlap."""

    meanings: dict[str, Meaning]
    pattern: re.Pattern[str] = field(compare=False)

    def find(self, text: Text) -> list[Match]:
        """Matches in the order of the text; where two overlap the longer counts, or else the earlier."""
        found = [self._match(hit) for hit in self.pattern.finditer(text.plain)]
        found.sort(key=lambda match: (match.start - match.end, match.start))
        kept: list[Match] = []
        for match in found:
            if all(match.end <= other.start or match.start >= other.end for other in kept):
                kept.append(match)
        return sorted(kept, key=lambda match: match.start)

    def _match(self, hit: re.Match[str]) -> Match:
        word = hit[1]
        key = _key(word)
        meaning = self.meanings.get(key) or self.meanings.get(key.removesuffix("s"))
        if meaning is None:
            meaning = self.meanings[key.removesuffix("es")]
        return Match(hit.start(1), hit.end(1), meaning, not is_han(word[-1]))


def build_lexicon(entries: Iterable[tuple[str, Meaning]], *, plural: bool = False, coloured: bool = False) -> Lexicon:
    """A lexicon of words and their meanings; the first meaning of a word counts.

    `plural`: Latin words also take -s and -es. `coloured`: 白釉 is also found as 白色釉.
    """
    meanings: dict[str, Meaning] = {}
    shapes: dict[str, str] = {}
    for word, meaning in entries:
        for spelling in _spellings(fold(word).plain.strip(), coloured=coloured):
            if meanings.setdefault(_key(spelling), meaning).code == meaning.code:
                shapes[spelling] = _shape(spelling, plural=plural)
    longest_first = sorted(shapes, key=lambda word: (-len(word), word))
    # A look-ahead finds overlapping words too; `find` chooses among them.
    return Lexicon(meanings, re.compile(f"(?=({'|'.join(shapes[word] for word in longest_first)}))"))


def class_words(task: Task, *, names_alone: bool) -> Iterator[tuple[str, Meaning]]:
    """The words of a task's classes. Chinese words always stand alone, Latin names only if `names_alone`."""
    for entry in task.classes:
        for word in entry.terms:
            yield word, Meaning(entry.code, entry.names.en, alone=True)
    for entry in task.classes:
        for word in (*_names(entry), *entry.variants):
            yield word, Meaning(entry.code, entry.names.en, names_alone or is_han(word[-1]))


def outside_words(words: Iterable[str]) -> Iterator[tuple[str, Meaning]]:
    """Words for things that no class of the task stands for."""
    return ((word, Meaning(None, word, alone=True)) for word in words)


def _names(entry: TaxonomyClass) -> list[str]:
    names = entry.names
    return [name for name in (names.en, names.zh_hans, names.zh_hant) if name]


def _spellings(word: str, *, coloured: bool) -> tuple[str, ...]:
    if coloured and len(word) > 1 and word.endswith("釉") and word[-2] != "色" and is_han(word[0]):
        return word, f"{word[:-1]}色釉"
    return (word,)


def _shape(word: str, *, plural: bool) -> str:
    if is_han(word[-1]):
        return re.escape(word)
    parts = [re.escape(part) for part in _JOINT.split(word) if part]
    ending = "(?:es|s)?" if plural and word[-1].isalpha() else ""
    after = r"(?![a-z0-9])" if word[-1].isalnum() else ""
    return r"(?<![a-z0-9])" + r"[\s'\"\-]{0,3}".join(parts) + ending + after


def _key(word: str) -> str:
    return _JOINT.sub("", word)
