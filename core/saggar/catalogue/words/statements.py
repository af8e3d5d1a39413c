"""What a text says of the whole thing, apart from its names: （赝品）, "..., replica", 存疑."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from saggar.catalogue.words.marks import alternatives, any_of
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.text import Text, is_han

_LONGEST = 48  # characters: longer parts are prose
Says = Literal["copy", "doubt"]


@dataclass(frozen=True)
class Statement:
    """The words are `plain[start:end]`; they speak of what is named in `plain[first:last]`."""

    says: Says
    topic: str | None
    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class _Part:
    start: int
    end: int
    bracket: bool


def is_copy(text: Text, start: int, end: int) -> bool:
    """Whether the text says elsewhere that the thing named in `plain[start:end]` is a copy or a fake."""
    return any(one.says == "copy" and _reaches(one, start, end) for one in statements(text))


def is_doubted(text: Text, start: int, end: int, topic: str) -> bool:
    """Whether the text says elsewhere that what is named in `plain[start:end]`, a `topic`, is in doubt."""
    return any(
        one.says == "doubt" and one.topic in (None, topic) and _reaches(one, start, end) for one in statements(text)
    )


@lru_cache(2**12)
def statements(text: Text) -> tuple[Statement, ...]:
    """All that a text says so, in order."""
    return tuple(one for part in _parts(text.plain) if (one := _statement(text.plain, part)))


def _reaches(one: Statement, start: int, end: int) -> bool:
    return one.first <= start and end <= one.last and (end <= one.start or one.end <= start)


def _statement(plain: str, part: _Part) -> Statement | None:
    words = plain[part.start : part.end]
    if len(words) > _LONGEST:
        return None
    whole = _WHOLE.fullmatch(words)
    if whole:
        copy = bool(_COPIES.search(words)) and not _DOUBTS.search(words)
        topic = next((name for name, pattern in _TOPICS.items() if pattern.search(words)), None)
        reach = _reach(plain, part, copy=copy)
        return reach and Statement("copy" if copy else "doubt", topic, part.start, part.end, *reach)
    hit = _LAST.search(words)
    if hit is None or _DENIED.search(words[: hit.start()]):
        return None
    doubted = hit[0].strip().startswith("?") or bool(_SUSPECTED.search(words[: hit.start()]))
    return Statement(
        "doubt" if doubted else "copy", None, part.start + hit.start(), part.end, part.start, part.start + hit.start()
    )


def _reach(plain: str, part: _Part, *, copy: bool) -> tuple[int, int] | None:
    """All of the text, but of a bracket within a phrase, or a doubt in brackets, what is right before it."""
    if not part.bracket:
        return 0, len(plain)
    before, after = plain[: part.start - 1], plain[part.end + 1 :]
    within = bool(before and after) and is_han(before[-1]) and is_han(after[0])
    if not before.strip() or (copy and not within):
        return 0, len(plain)
    if copy and _KILN.match(after):  # 景德镇窑（仿）汝窑洗
        return None
    phrase = re.search(r"[^,;:。、\n()]*$", before)
    return (phrase.start(), part.start) if phrase else None


def _parts(plain: str) -> Iterator[_Part]:
    start, bracket = 0, False
    for hit in re.finditer(r"[,;:。、|/\n()\[\]【】〔〕「」\"]|\.(?=\s|$)|\s+-+\s+|$", plain):
        if plain[start : hit.start()].strip():
            yield _Part(start, hit.start(), bracket)
        start, bracket = hit.end(), hit[0] in ("(", "[", "【", "〔")


_RULES = load_rules()
_OWN = _RULES.statements
_PERIODS = [word for _, _, _, words in _RULES.period.outside for word in words]
_TOPIC_WORDS = [word for words in _OWN.topics.values() for word in words]
_FILLING = any_of((*_OWN.filling, *_OWN.perhaps, *_TOPIC_WORDS, *_PERIODS, "宋", "元", "song", "yuan"))
_SAYING = any_of((*_OWN.copies, *_OWN.doubt))
_NUMBER = r"\d+(?:st|nd|rd|th)?(?:世纪|年)?"
_WHOLE = re.compile(
    rf"\W*(?:(?:{_FILLING}|{_NUMBER})\W*?){{0,6}}{_SAYING}(?:\W*?{_FILLING}){{0,4}}\W*",
)
_COPIES = re.compile(any_of(_OWN.copies))
_DOUBTS = re.compile(rf"{any_of((*_OWN.perhaps, *_OWN.doubt))}|\?")
_TOPICS = {name: re.compile(any_of(words)) for name, words in _OWN.topics.items()}
_NOUNS = any_of((*_RULES.copy_of.chinese_after, *_RULES.copy_of.after, "copy", "imitation"))
_LAST = re.compile(rf"(?<!catalogue )(?<!catalog )(?<!file )(?<!^){_NOUNS}\W*$|(?<=\w)\s*\?\s*$")
_DENIED = re.compile(rf"(?:{alternatives(_RULES.copy_of.denied)})\s*$")
_SUSPECTED = re.compile(rf"{any_of(_OWN.perhaps)}\W*(?:a|an|为|是|系)?\W*$")
_KILN = re.compile(r"\w{1,3}窑")
