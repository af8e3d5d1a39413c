"""Words beside a name that turn it round: an imitation, a denial, a doubt."""

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


def negation(text: Text, start: int, end: int) -> bool:
    """非宋, "not Song", "formerly attributed to Ding"."""
    return _FINDERS["negation"](text, start, end)


def doubt(text: Text, start: int, end: int) -> bool:
    """宋？, "probably Song"."""
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


def _finder(marks: Marks) -> Finder:
    han = f"(?:{alternatives(marks.chinese_before)})[^,，。;；、\\s]{{0,{marks.chinese_between}}}$"
    latin = rf"(?<![a-z])(?:{alternatives(marks.before)}){_FILLERS}$"
    return Finder(re.compile(f"{latin}|{han}"), _after(marks))


def _after(marks: Marks) -> re.Pattern[str]:
    words = [word for word in marks.after if word[-1].isalpha()]
    signs = [word for word in marks.after if not word[-1].isalpha()]
    options = [rf"{_WARE}[\s'\"-]*(?:{alternatives(words)})(?![a-z])"] if words else []
    if signs:
        options.append(rf"\s*(?:{alternatives(signs)})")
    if marks.chinese_after:
        options.append(f"(?:{alternatives(marks.chinese_after)})")
    return re.compile("|".join(options) or r"(?!)")


_RULES = load_rules()
_FINDERS = {name: _finder(getattr(_RULES, name)) for name in ("imitation", "negation", "doubt")}
