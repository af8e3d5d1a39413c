"""Years and centuries in catalogue text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from saggar.catalogue.words.text import Text

_CHINESE_NUMBERS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0}
_PARTS = {  # share of a century that is meant
    "early": (0.0, 0.34),
    "first half": (0.0, 0.5),
    "first quarter": (0.0, 0.25),
    "second quarter": (0.25, 0.5),
    "mid": (0.33, 0.67),
    "middle": (0.33, 0.67),
    "third quarter": (0.5, 0.75),
    "second half": (0.5, 1.0),
    "last quarter": (0.75, 1.0),
    "fourth quarter": (0.75, 1.0),
    "late": (0.66, 1.0),
}
_CHINESE_PARTS = {
    "前半叶": "first half",
    "前期": "first half",
    "后半叶": "second half",
    "后期": "second half",
    "初": "early",
    "早期": "early",
    "中叶": "mid",
    "中期": "mid",
    "末": "late",
    "晚期": "late",
}
_PART = rf"(?:({'|'.join(sorted(_PARTS, key=len, reverse=True))})(?:\s*(?:of\s+the|part of the))?[\s-]*)?"
_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)"
_TO = r"\s*(?:-|to|/|or|and|through|until)\s*"
_CENTURY = re.compile(
    rf"{_PART}{_ORDINAL}(?:[\s-]*(?:century|c\.)?{_TO}{_PART}{_ORDINAL})?[\s-]*(?:centur(?:y|ies)\b|c\b|cent\b)"
)
_NUMBER = r"(\d{1,2}|[一二三四五六七八九]?十[一二三四五六七八九]?)"
_CHINESE_PART = "|".join(sorted(_CHINESE_PARTS, key=len, reverse=True))
_CHINESE_CENTURY = re.compile(rf"{_NUMBER}(?:世纪)?(?:[-至到、]{_NUMBER})?世纪({_CHINESE_PART})?")
_YEAR = (
    r"(?:c\.?\s*|ca\.?\s*|circa\s*|about\s*|约|公元|西元|a\.?d\.?\s*|ce\s*)*(\d{3,4})"
    r"\s*(?:年|a\.?d\.?(?![a-z])|c\.?e\.?(?![a-z]))?"
)
_RANGE = re.compile(rf"(?<![\d.]){_YEAR}\s*(?:-|to|至|到|/|until)\s*{_YEAR}(?![\d.]*\d)")
_SHORT_RANGE = re.compile(r"(?<![\d.])(1\d)(\d\d)\s*-\s*(\d\d)(?!\d)")
_SINGLE = re.compile(rf"(?<![\d.]){_YEAR}(?!\d)(?!\s*(?:cm|mm|厘米|in\b|g\b))")
_HUNDREDS = re.compile(rf"{_PART}(?<!\d)(\d{{1,2}})00s(?:{_TO}{_PART}(\d{{1,2}})00s)?")
_BEFORE_CHRIST = re.compile(r"\s*(?:b\.?\s?c|公元前)")


@dataclass(frozen=True)
class Span:
    """First and last year, and the words that say so: `plain[start:end]`."""

    first: int
    last: int
    start: int
    end: int


def find_years(text: Text, *, single: bool) -> list[Span]:
    """Ranges of years and centuries in the order of the text; single years only if asked for.

    Years before Christ are left out: no class of any taxonomy here lies there.
    """
    spans: list[Span] = []
    for finder in (_centuries, _hundreds, _chinese_centuries, _ranges, *((_singles,) if single else ())):
        for span in finder(text.plain):
            if all(span.end <= other.start or span.start >= other.end for other in spans):
                spans.append(span)
    kept = [span for span in spans if 0 < span.first <= span.last < 2100 and not _before_christ(text.plain, span)]
    return sorted(kept, key=lambda span: span.start)


def _before_christ(plain: str, span: Span) -> bool:
    return bool(_BEFORE_CHRIST.match(plain[span.end :])) or plain[max(0, span.start - 4) : span.start].endswith(
        "公元前"
    )


def _centuries(plain: str) -> Iterator[Span]:
    for hit in _CENTURY.finditer(plain):
        first = _century(int(hit[2]), hit[1])
        last = _century(int(hit[4]), hit[3]) if hit[4] else first
        yield Span(first[0], last[1], hit.start(), hit.end())


def _hundreds(plain: str) -> Iterator[Span]:
    for hit in _HUNDREDS.finditer(plain):
        first = _century(int(hit[2]) + 1, hit[1])
        last = _century(int(hit[4]) + 1, hit[3]) if hit[4] else first
        yield Span(first[0], last[1], hit.start(), hit.end())


def _chinese_centuries(plain: str) -> Iterator[Span]:
    for hit in _CHINESE_CENTURY.finditer(plain):
        first, last = _number(hit[1]), _number(hit[2] or hit[1])
        part = _CHINESE_PARTS.get(hit[3] or "")
        begin = _century(first, part if hit[2] is None else None)[0]
        yield Span(begin, _century(last, part)[1], hit.start(), hit.end())


def _ranges(plain: str) -> Iterator[Span]:
    for hit in _RANGE.finditer(plain):
        yield Span(int(hit[1]), int(hit[2]), hit.start(), hit.end())
    for hit in _SHORT_RANGE.finditer(plain):
        yield Span(int(hit[1] + hit[2]), int(hit[1] + hit[3]), hit.start(), hit.end())


def _singles(plain: str) -> Iterator[Span]:
    for hit in _SINGLE.finditer(plain):
        yield Span(int(hit[1]), int(hit[1]), hit.start(), hit.end())


def _century(number: int, part: str | None) -> tuple[int, int]:
    first = (number - 1) * 100 + 1
    begin, end = _PARTS[part] if part else (0.0, 1.0)
    return first + round(begin * 100), first + round(end * 100) - 1


def _number(word: str) -> int:
    if word.isdigit():
        return int(word)
    tens, _, units = word.partition("十")
    return 10 * _CHINESE_NUMBERS.get(tens, 1) + _CHINESE_NUMBERS.get(units, 0)
