"""Glazes in catalogue text: the main glaze of the piece."""

from __future__ import annotations

import re
from dataclasses import dataclass

from saggar.catalogue.evidence import Finding, finding, outside, several
from saggar.catalogue.lexicon import Lexicon, Match, Meaning, build_lexicon, class_words, outside_words
from saggar.catalogue.marks import alternatives, imitation, negation
from saggar.catalogue.rules import load_rules
from saggar.catalogue.text import Text
from saggar.taxonomy import Task

_DECORATION = "decoration"
_SENTENCES = 4  # of a description: what comes later speaks of kilns and times in general


@dataclass(frozen=True)
class GlazeReader:
    """Reads glazes; made from a taxonomy's task of kind "glaze"."""

    lexicon: Lexicon
    yields: dict[str, frozenset[str]]
    after: re.Pattern[str]
    before: re.Pattern[str]
    applied: re.Pattern[str]
    foot: re.Pattern[str]
    splash: re.Pattern[str]

    def read(self, text: Text, *, own: bool) -> list[Finding]:
        """What a name, or a column of glazes (`own`: bare colours count), says."""
        matches = [m for m in self.lexicon.find(text) if own or self._in_context(text, m)]
        return _decided(self._findings(text, matches), self.yields)

    def read_description(self, text: Text) -> list[Finding]:
        """What a description says in its first sentences: 通体施白釉, "covered with a white glaze"."""
        for hit in self.applied.finditer(text.plain):
            if self.foot.search(text.plain[: hit.start()]):
                continue
            part = text.part(*hit.span(1))
            matches = self.lexicon.find(part)
            if matches:
                return _decided(self._findings(part, matches), self.yields)
            if hit[2]:
                return [finding(text, *hit.span(), None, outside(f"{hit[2]}釉"))]
        opening = text.part(0, _end_of_sentence(text.plain, _SENTENCES))
        matches = [m for m in self.lexicon.find(opening) if m.latin and self._in_context(opening, m)]
        return _decided(self._findings(opening, matches[:1]), self.yields)

    def _findings(self, text: Text, matches: list[Match]) -> list[Finding]:
        found = []
        for match in matches:
            if match.meaning.name == _DECORATION and len(matches) > 1:
                continue
            code, note = match.meaning.code, "" if match.meaning.code else outside(match.meaning.name)
            if negation(text, match.start, match.end):
                found.append(
                    finding(text, match.start, match.end, None, f"not {match.meaning.name}", counts=False)
                )
            elif match.latin and imitation(text, match.start, match.end):
                note = f"in the style of {match.meaning.name}"
                found.append(finding(text, match.start, match.end, None, note, counts=False))
            else:
                found.append(finding(text, match.start, match.end, code, note))
        return found

    def _in_context(self, text: Text, match: Match) -> bool:
        if self.splash.match(text.plain[match.end :]):
            return False
        if match.meaning.alone:
            return True
        return bool(
            self.after.match(text.plain[match.end :]) or self.before.search(text.plain[: match.start])
        )


def glaze_reader(task: Task, yields: dict[str, tuple[str, ...]]) -> GlazeReader:
    """The reader for a task whose classes are glazes; `yields`: a class gives way to those named."""
    rules = load_rules().glaze
    between = rf"(?:[\s,-]*(?:{alternatives(rules.between)})(?![a-z]))*"
    tones = alternatives(rules.tones)
    return GlazeReader(
        build_lexicon(
            [
                *class_words(task, names_alone=False),
                *outside_words(rules.outside),
                *((word, Meaning(None, _DECORATION, alone=True)) for word in rules.decoration),
            ],
            coloured=True,
        ),
        {code: frozenset(others) for code, others in yields.items()},
        re.compile(rf"{between}[\s,-]*(?:{alternatives(rules.after)})(?![a-z])"),
        re.compile(rf"(?<![a-z])(?:{alternatives(rules.before)})\s*(?:an?\s+)?$"),
        re.compile(rf"(?:{alternatives(rules.applied)})(?:{tones})*(([^，,。；;、\s]{{0,6}}?)色?釉)"),
        re.compile(rf"(?:{alternatives(rules.foot)})[^，,。；;]{{0,4}}$"),
        re.compile(alternatives(rules.splashes)),
    )


def _decided(found: list[Finding], yields: dict[str, frozenset[str]]) -> list[Finding]:
    counted = [one for one in found if one.counts]
    aside = [one for one in found if not one.counts]
    codes = list(dict.fromkeys(one.code for one in counted if one.code))
    strong = [code for code in codes if not yields.get(code, frozenset()) & set(codes)]
    beyond = [one for one in counted if one.code is None]
    if len(strong) > 1 or (strong and beyond):
        return [several(counted, "glaze"), *aside]
    if strong:
        return [next(one for one in counted if one.code == strong[0]), *aside]
    return [*beyond[:1], *aside]


def _end_of_sentence(plain: str, count: int) -> int:
    ends = [hit.end() for hit in re.finditer(r"[.。!?\n](?:\s|$)", plain)]
    return ends[count - 1] if len(ends) >= count else len(plain)
