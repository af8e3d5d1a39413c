"""Words beside a name that turn it round: an imitation, a copy, a denial, a doubt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from saggar.catalogue.words.rules import Marks, load_rules
from saggar.catalogue.words.text import Text, fold, is_han

_NEAR = 48  # characters on either side in which a mark can be
_FILLERS = (  # what may be between a mark and the name: "in the style of early Song dynasty Guan ware"
    r"(?:[\s'\"(-]*(?:an?|the|of|early|earlier|late|northern|southern|classic|song|sung|dynasty|period|imperial"
    r"|ancient)\b)*[\s'\"(-]*"
)
_WARE = r"(?:[\s-]*(?:wares?|kilns?|yao|glazes?|celadons?|dynasty|period))?"
_ADJECTIVES = (  # "replica of a small lobed Ding dish", not "replica of a bronze in Longquan ware"
    r"(?:\s+(?:of|after))?(?:\s+(?!(?:in|by|from|with|at|on|and|or|as|for|bronze|jade|silver|metal|lacquer|archaic)\b)"
    r"[a-z'-]+){0,5}[\s'\"(-]*"
)
# 疑似宋代汝窑; 非宋汝窑 denies one of them
_DYNASTY = r"(?:(?:[南北两]?宋|[元金辽唐明清]|五代)(?:时期|[代朝])?(?:的)?|\(|\))*"
_TIME = r"(?:王朝|时期|时代|年间|早期|中期|晚期|末年|初年|[代朝初末])?"  # 宋末以前


@dataclass(frozen=True)
class Finder:
    """Looks for marks before and after a place in a text."""

    before: re.Pattern[str]
    after: re.Pattern[str]

    def __call__(self, text: Text, start: int, end: int) -> bool:
        """Whether a mark is right before `start` or right after `end` of `text.plain`."""
        left, right = text.plain[max(0, start - _NEAR) : start], text.plain[end : end + _NEAR]
        return bool(self.before.search(left) or self.after.match(right))


def imitation(text: Text, start: int, end: int) -> bool:
    """仿定窑, "Ding-type", "in the style of Ding"."""
    return _FINDERS["imitation"](text, start, end)


def copy_of(text: Text, start: int, end: int) -> bool:
    """赝品, 伪宋, "replica of a small Ding dish"."""
    return _FINDERS["copy_of"](text, start, end)


def negation(text: Text, start: int, end: int) -> bool:
    """非宋, 宋以前, "not Song", "formerly attributed to Ding"."""
    return _FINDERS["negation"](text, start, end)


def doubt(text: Text, start: int, end: int) -> bool:
    """宋？, 疑似宋, "probably Song"."""
    return _FINDERS["doubt"](text, start, end)


def alternatives(words: Iterable[str]) -> str:
    """A pattern for any of the words, folded, the longest first."""
    folded = sorted({fold(word).plain for word in words}, key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in folded)


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the Latin ones whole; nothing fits it where there are none."""
    words = tuple(words)
    latin = [word for word in words if not is_han(word[-1])]
    han = [word for word in words if is_han(word[-1])]
    options = [rf"(?<![a-z])(?:{alternatives(latin)})(?![a-z])"] if latin else []
    options += [alternatives(han)] if han else []
    return f"(?:{'|'.join(options)})" if options else r"(?!)"


def _finder(marks: Marks, *, through: str = _FILLERS) -> Finder:
    unless = f"(?!{any_of(marks.chinese_unless)})"
    denied = "".join(rf"(?<!{alternatives([word])})" for word in marks.denied if is_han(word[-1]))
    han = f"{denied}{unless}(?:{alternatives(marks.chinese_before)})[^,，。;；、\\s]{{0,{marks.chinese_between}}}"
    if marks.chinese_opening:
        han = rf"(?:{han}|(?<![\u3400-\u9fff])(?:{alternatives(marks.chinese_opening)}))"
    denied = "".join(rf"(?<!{re.escape(word)} )" for word in marks.denied if not is_han(word[-1]))
    latin = rf"(?<![a-z]){denied}(?:{alternatives(marks.before)}){through}$"
    return Finder(re.compile(f"{latin}|{han}(?:$|(?<!非)(?<!不是){_DYNASTY}$)"), _after(marks))


def _after(marks: Marks) -> re.Pattern[str]:
    words = [word for word in marks.after if word[-1].isalpha()]
    signs = [word for word in marks.after if not word[-1].isalpha()]
    options = [rf"{_WARE}[\s'\"-]*(?:{alternatives(words)})(?![a-z])(?!\s+of\s+(?:an?|the)\s)"] if words else []
    if signs:
        options.append(rf"\s*(?:{alternatives(signs)})")
    if marks.chinese_after:
        then = f"(?!{any_of(marks.chinese_then)})"
        options.append(rf"{_TIME}\s*\(?(?:{alternatives(marks.chinese_after)}){then}")
    if marks.chinese_last:
        options.append(rf"{_TIME}\(?(?:{alternatives(marks.chinese_last)})(?![\u3400-\u9fff])")
    return re.compile("|".join(options) or r"(?!)")


_RULES = load_rules()
_FINDERS = {name: _finder(getattr(_RULES, name)) for name in ("imitation", "negation", "doubt")}
_FINDERS["copy_of"] = _finder(_RULES.copy_of, through=_ADJECTIVES)
