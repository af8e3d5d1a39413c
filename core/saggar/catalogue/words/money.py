"""Sums of money in catalogue text: 300元 is not the Yuan dynasty, nor ￥1200 a year."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from saggar.catalogue.words.marks import alternatives, any_of
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.text import Text


@lru_cache(2**14)
def without_money(text: Text) -> Text:
    """The text with blanks in the place of its sums of money; what remains keeps its place."""
    plain = text.plain
    for start, end in find_money(plain):
        plain = plain[:start] + " " * (end - start) + plain[end:]
    return text if plain == text.plain else replace(text, plain=plain)


def find_money(plain: str) -> list[tuple[int, int]]:
    """Where sums of money are in a folded text, in order."""
    return [hit.span() for hit in _MONEY.finditer(plain) if not _DYNASTY_YEARS.match(hit[0])]


_RULES = load_rules().money
_NAMED = load_rules().period
_DIGITS = r"(?:\d{1,3}(?:[,' ]\d{3})+(?!\d)|\d{1,12})(?:\.\d{1,4})?"
_HAN = "〇零一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟廿卅数几"
# Alone, 一 after a Chinese character is a dash as some keyboards write it: 宋一元.
_SPOKEN = rf"(?:(?<![\u3400-\u9fff])一(?=\s*元)|(?!一\s*元)(?<![{_HAN}第])[{_HAN}]{{1,16}})"
_AMOUNT = rf"(?:{_DIGITS}\s*(?:[{_HAN}][{_HAN}\d]{{0,16}})?|{_SPOKEN})[多余来]?"
# Not within a year, nor in the number of a tomb or a piece; c. 1300 Yuan is a date.
_BEGIN = r"(?<![a-z\d.])(?<![a-z\d][-/])(?<!c\. )(?<!ca\. )(?<!ca )(?<!circa )"
_TO = r"\s*(?:-|/|至|到|to|and)\s*"
_DYNASTY = alternatives((*_RULES.dynasty, *_NAMED.things, *_NAMED.reigns.get("Yuan", ())))
_JOINED = rf"\s*(?:-|/|to\b|or\b|and\b|until\b|through\b)\s*[a-z]|[\s-]*{any_of(_NAMED.after)}"
_UNIT = (
    rf"(?:(?:{alternatives(_RULES.coins)})?元(?!{_DYNASTY}|[至到](?!\s*[\d{_HAN}¥]))"
    rf"|(?:chinese\s+)?yuan(?![a-z])(?!{_JOINED})"
    rf"|{any_of(_RULES.units)})"
)
_SIGN = rf"(?:{alternatives(_RULES.signs)}|(?<![a-z])(?:{alternatives(_RULES.codes)}))"
_SAID = rf"{any_of(_RULES.said)}\s*[:=]?\s*(?:约|about|c\.|of)?\s*"
_SUM = rf"(?:{_SIGN}\s*)?{_AMOUNT}(?:\s*{_UNIT})?"
_MONEY = re.compile(
    rf"(?:{_SIGN}|{_SAID})\s*{_SUM}(?:{_TO}{_SUM})?"
    rf"|{_BEGIN}(?:{_AMOUNT}\s*{_UNIT}?{_TO})?{_AMOUNT}\s*{_UNIT}"
    rf"|(?:{alternatives(_RULES.names)})(?!{_DYNASTY})"
)
# Years that catalogues give to the Yuan dynasty, before its name.
_DYNASTY_YEARS = re.compile(
    r"(?:(?:1206|1234|1260|127[1-9]|1280)\s*-\s*1[23]\d\d|1[23]\d\d\s*-\s*136[78])\s*(?:元|yuan)"
)
