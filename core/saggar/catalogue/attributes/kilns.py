"""Kilns in catalogue text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from saggar.catalogue.attributes.evidence import Finding, denied, finding, outside, several
from saggar.catalogue.words.lexicon import Lexicon, Match, Meaning, build_lexicon, class_words, outside_words
from saggar.catalogue.words.marks import any_of, copy_of, doubt, imitation, negation
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.statements import is_copy, is_doubted
from saggar.catalogue.words.text import Text, fold, is_han
from saggar.taxonomy import Task

_NOT_A_KILN = "not a kiln"
_SLACK_HAN, _SLACK_LATIN = (
    2,
    18,
)  # letters left over in a cell that is "a kiln and little else": 宋定窑工匠; a province
_ANY_KILN = re.compile(r"(?:(?<=^)|(?<=[^\u3400-\u9fff]))([\u3400-\u9fff]{1,3}窑)(?![址炉变工])")


@dataclass(frozen=True)
class KilnReader:
    """Reads kilns; made from a taxonomy's task of kind "kiln"."""

    lexicon: Lexicon
    after: re.Pattern[str]
    before: re.Pattern[str]
    vessel: re.Pattern[str]
    next_vessel: re.Pattern[str]
    places: re.Pattern[str]
    guards: tuple[tuple[str, re.Pattern[str]], ...]

    def read(self, text: Text, *, own: bool, title: bool = False) -> list[Finding]:
        """What `text` says. `own`: it is of a column of kilns, where bare names count.

        `title`: a Latin name also counts as the first word of a vessel's name ("Ding lobed bowl").
        """
        counted: list[Finding] = []
        aside: list[Finding] = []
        for match in self.lexicon.find(text):
            if match.meaning.name == _NOT_A_KILN or not (own or self._in_context(text, match, title=title)):
                continue
            name = match.meaning.name
            place = (text, match.start, match.end)
            if copy_of(*place) or is_copy(*place):
                aside.append(denied(text, match, f"a copy or a fake of {name}", copy=True))
            elif imitation(*place):
                aside.append(denied(text, match, f"an imitation of {name}, or of its type"))
            elif negation(*place):
                aside.append(denied(text, match, f"not {name}"))
            elif self._guarded(text, match):
                aside.append(denied(text, match, "the imperial kiln of another reign"))
            else:
                code = match.meaning.code
                doubtful = doubt(*place) or is_doubted(*place, "kiln")
                note = "" if code else outside(name)
                counted.append(finding(text, match.start, match.end, code, note, doubtful=doubtful))
        if not counted and not aside and (hit := _ANY_KILN.search(text.plain)):
            counted.append(finding(text, *hit.span(1), None, outside(hit[1])))
        return [*_decided(counted), *aside]

    def is_pure(self, text: Text) -> bool:
        """Whether the text names a kiln and little else."""
        rest = text.plain
        matches = self.lexicon.find(text)
        for match in reversed(matches):
            rest = f"{rest[: match.start]} {rest[match.end :]}"
        rest = _ANY_KILN.sub(" ", rest)
        if rest == text.plain or self.vessel.search(rest):
            return False
        letters = [character for character in self.places.sub(" ", rest) if character.isalpha()]
        han = sum(is_han(character) for character in letters)
        sure = any(not match.latin or self._in_context(text, match, title=False) for match in matches)
        return han <= _SLACK_HAN and len(letters) - han <= (_SLACK_LATIN if sure else 0)

    def _in_context(self, text: Text, match: Match, *, title: bool) -> bool:
        if match.meaning.alone:
            return True
        if self.after.match(text.plain[match.end :]) or self.before.search(text.plain[: match.start]):
            return True
        if not title or not match.latin:
            return False
        after = text.plain[match.end :]
        return bool(self.next_vessel.match(after) or (match.start == 0 and self.vessel.search(after)))

    def _guarded(self, text: Text, match: Match) -> bool:
        before = text.plain[: match.start]
        word = text.plain[match.start : match.end]
        return any(word == guarded and guard.search(before) for guarded, guard in self.guards)


def kiln_reader(task: Task, vessels: tuple[str, ...]) -> KilnReader:
    """The reader for a task whose classes are kilns; `vessels` are the words for vessels."""
    rules = load_rules().kiln
    known = {fold(word).plain for entry in task.classes for word in (*entry.variants, *entry.terms)}
    entries = [
        *((word, Meaning(None, _NOT_A_KILN, alone=True)) for word in rules.not_names),
        *class_words(task, names_alone=False),
        *outside_words(word for word in rules.outside if fold(word).plain not in known),
    ]
    latin = [word for word in vessels if not is_han(word[-1])]
    return KilnReader(
        build_lexicon(entries),
        after=re.compile(rf"[\s')\]-]*\(?{any_of(rules.after)}"),
        before=re.compile(rf"{any_of(rules.before)}\s+(?:the\s+)?$"),
        vessel=re.compile(any_of(vessels)),
        next_vessel=re.compile(rf"\s+(?:[a-z-]+\s+)?{any_of(latin)}"),
        places=re.compile(any_of(rules.places)),
        guards=tuple((word, re.compile(f"{any_of(guards)}$")) for word, guards in rules.guards.items()),
    )


def _decided(counted: list[Finding]) -> list[Finding]:
    """One finding: the kiln that all names agree on, or none where they differ."""
    codes = list(dict.fromkeys(one.code for one in counted))
    inside = [code for code in codes if code]
    if len(inside) > 1:
        return [several((one for one in counted if one.code), "kiln")]
    if inside:
        return [next(one for one in counted if one.code)]
    return counted[:1]
