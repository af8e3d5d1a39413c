"""Glazes in catalogue text: the main glaze of the piece."""

from __future__ import annotations

import re
from dataclasses import dataclass

from saggar.catalogue.attributes.evidence import Finding, finding, outside, several
from saggar.catalogue.words.lexicon import Lexicon, Match, Meaning, build_lexicon, class_words, outside_words
from saggar.catalogue.words.marks import any_of, imitation, negation
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.text import Text, fold
from saggar.taxonomy import Task

_DECORATION = "decoration"
_LONGEST_COLOUR = 24
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
    body: re.Pattern[str]

    def read(self, text: Text, *, own: bool) -> list[Finding]:
        """What a name says, or (`own`) a cell of a column of glazes, which may be a bare colour."""
        matches = [m for m in self.lexicon.find(text) if self._in_context(text, m)]
        if own and not matches and len(text.plain) <= _LONGEST_COLOUR:
            return self._bare_colour(text)
        return _decided(self._findings(text, matches), self.yields)

    def _bare_colour(self, text: Text) -> list[Finding]:
        """A cell that says "white" or 青."""
        word = text.plain.strip().removesuffix("色")
        for glaze in (f"{word} glaze", f"{word}釉"):
            whole = fold(glaze)
            matches = self.lexicon.find(whole)
            if len(matches) == 1 and matches[0].start == 0 and matches[0].end >= len(word):
                code = matches[0].meaning.code
                note = "" if code else outside(matches[0].meaning.name)
                return [Finding(text.raw.strip(), code, note)]
        return []

    def is_pure(self, text: Text) -> bool:
        """Whether the text says a glaze or a bare colour and nothing else."""
        return len(text.plain) <= _LONGEST_COLOUR and bool(self._bare_colour(text))

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
            if len(matches) > 1 and (match.meaning.name == _DECORATION or self._is_body(text, match)):
                continue
            code, decoration = match.meaning.code, match.meaning.name == _DECORATION
            note = "" if code else "decoration, not a glaze" if decoration else outside(match.meaning.name)
            if negation(text, match.start, match.end):
                found.append(finding(text, match.start, match.end, None, f"not {match.meaning.name}", counts=False))
            elif match.latin and imitation(text, match.start, match.end):
                note = f"in the style of {match.meaning.name}"
                found.append(finding(text, match.start, match.end, None, note, counts=False))
            else:
                found.append(finding(text, match.start, match.end, code, note, counts=not decoration))
        return found

    def _is_body(self, text: Text, match: Match) -> bool:
        return bool(self.body.fullmatch(text.plain, match.start, match.end))

    def _in_context(self, text: Text, match: Match) -> bool:
        if self.splash.match(text.plain[match.end :]):
            return False
        if match.meaning.alone:
            return True
        return bool(self.after.match(text.plain[match.end :]) or self.before.search(text.plain[: match.start]))


def glaze_reader(task: Task, yields: dict[str, tuple[str, ...]]) -> GlazeReader:
    """The reader for a task whose classes are glazes; `yields`: a class gives way to those named."""
    rules = load_rules().glaze
    between = rf"(?:[\s,-]*{any_of(rules.between)})*"
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
        after=re.compile(rf"{between}[\s,-]*{any_of(rules.after)}"),
        before=re.compile(rf"{any_of(rules.before)}\s*(?:an?\s+)?$"),
        applied=re.compile(rf"{any_of(rules.applied)}{any_of(rules.tones)}*(([^，,。；;、\s]{{0,6}}?)色?釉)"),
        foot=re.compile(rf"{any_of(rules.foot)}[^，,。；;]{{0,4}}$"),
        splash=re.compile(any_of(rules.splashes)),
        body=re.compile(any_of(rules.bodies)),
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
