"""Dynasties in catalogue text: by name, by reign, by years."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from saggar.catalogue.attributes.evidence import DOUBTED, WEAK, Finding, denied, finding, outside, several
from saggar.catalogue.words.lexicon import Lexicon, Match, Meaning, build_lexicon, class_words
from saggar.catalogue.words.marks import any_of, copy_of, doubt, imitation, negation
from saggar.catalogue.words.money import without_money
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.statements import is_copy, is_doubted
from saggar.catalogue.words.text import Text, fold, is_han
from saggar.catalogue.words.years import Span, find_years
from saggar.taxonomy import Task, TaxonomyClass

_TOLERANCE = 1  # years by which museums differ over where a dynasty begins and ends
_NOT_A_PERIOD = "not a period"


@dataclass(frozen=True)
class Dynasty:
    """A class of the task, or (code None) a period outside it."""

    code: str | None
    name: str
    first: int
    last: int


@dataclass(frozen=True)
class PeriodReader:
    """Reads dynasties; made from a taxonomy's task of kind "period"."""

    lexicon: Lexicon
    dynasties: tuple[Dynasty, ...]
    beside: re.Pattern[str]
    joined: re.Pattern[str]
    inscribed: re.Pattern[str]
    thing: re.Pattern[str]
    filling: re.Pattern[str]

    def read(self, text: Text, *, own: bool, title: bool = False) -> list[Finding]:
        """What `text` says. `own`: it is of a column of periods, where bare names and single years count.

        `title`: they also count as a part of an object's name of their own: "Bowl, Yuan", "Dish, c. 1050".
        """
        text = without_money(text)
        named, aside = self._named(text, own=own)
        if named:
            return [*self._decided(text, named), *aside]
        parts = list(_chunks(text)) if title else []
        bare = [found for part in parts if self.lexicon.find(part) for found in self._whole(part)]
        if bare:
            return [*_agreed(bare), *aside]
        dated = self._dated(text, own=own) or [
            found for part in parts if not part.plain.strip().isdigit() for found in self._whole(part)
        ]
        return [*_agreed(dated), *aside]

    def read_opening(self, text: Text) -> list[Finding]:
        """What the first sentence of a description says in a part of its own: "..., 北宋, ..."."""
        return next((found for part in _chunks(without_money(text)) if (found := self._whole(part))), [])

    def is_pure(self, text: Text) -> bool:
        """Whether the text says a period and nothing else."""
        return bool(self._whole(without_money(text)))

    def _whole(self, part: Text) -> list[Finding]:
        if not part.plain.strip() or len(part.plain) > _LONGEST_PERIOD:
            return []
        found = self.read(part, own=True)
        rest = list(part.plain)
        for match in self.lexicon.find(part):
            rest[match.start : match.end] = " " * (match.end - match.start)
        for span in find_years(part, single=True):
            rest[span.start : span.end] = " " * (span.end - span.start)
        left = self.filling.sub(" ", "".join(rest))
        return found if not re.search(r"\w", left) else []

    def _named(self, text: Text, *, own: bool) -> tuple[list[tuple[Match, bool]], list[Finding]]:
        """Names that count, each with whether it is doubtful, and findings that don't."""
        kept: list[tuple[Match, bool]] = []
        aside: list[Finding] = []
        tang = [hit.span() for hit in _YUANHE.finditer(text.plain)]
        matches = [m for m in self.lexicon.find(text) if m.meaning.name != _NOT_A_PERIOD and not _within_any(m, tang)]
        for place, match in enumerate(matches):
            if self.inscribed.match(text.plain[match.end :]):
                continue
            follows = matches[place + 1] if place + 1 < len(matches) else None
            continues = bool(kept) and bool(self.joined.fullmatch(text.plain[kept[-1][0].end : match.start]))
            if not (own or continues or self._in_context(text, match, follows)):
                continue
            name, run = match.meaning.name, (text, *self._run(text, matches, place))
            if copy_of(*run) or is_copy(text, match.start, match.end):
                aside.append(denied(text, match, f"a copy or a fake of {name}", copy=True))
            elif imitation(*run):
                aside.append(denied(text, match, f"in the style of {name}"))
            elif negation(*run):
                aside.append(denied(text, match, f"not {name}"))
            else:
                doubtful = doubt(text, match.start, match.end) or is_doubted(text, match.start, match.end, "period")
                kept.append((match, doubtful))
        return kept, aside

    def _run(self, text: Text, matches: list[Match], place: int) -> tuple[int, int]:
        """Where the names are that share a mark with the one at `place`: 宋元以前 is before either."""
        first = last = place
        while first and self._joins(text, matches[first - 1], matches[first]):
            first -= 1
        while last + 1 < len(matches) and self._joins(text, matches[last], matches[last + 1]):
            last += 1
        return matches[first].start, matches[last].end

    def _joins(self, text: Text, one: Match, other: Match) -> bool:
        between = text.plain[one.end : other.start]
        return between in _AND or bool(self.joined.fullmatch(between))

    def _in_context(self, text: Text, match: Match, follows: Match | None) -> bool:
        after = text.plain[match.end :]
        if match.latin:
            if match.meaning.alone or self.beside.match(after):
                return True
            return bool(
                follows
                and self.joined.fullmatch(text.plain[match.end : follows.start])
                and self._in_context(text, follows, None)
            )
        if match.end - match.start > 1:
            return True
        # one character is a dynasty only at the start of a name and before a thing: 宋 定窑, 元青花
        return match.start == 0 and (not after or not is_han(after[0]) or bool(self.thing.match(after)))

    def _decided(self, text: Text, named: list[tuple[Match, bool]]) -> list[Finding]:
        names = list(dict.fromkeys(match.meaning.name for match, _ in named))
        if len(names) == 1:
            match, doubtful = named[0]
            code = match.meaning.code
            note = "" if code else outside(match.meaning.name)
            return [finding(text, match.start, match.end, code, note, doubtful=doubtful)]
        start, end = named[0][0].start, named[-1][0].end
        return [finding(text, start, end, None, f"names more than one period: {', '.join(names)}")]

    def _dated(self, text: Text, *, own: bool) -> list[Finding]:
        spans = find_years(text, single=own)
        if not own:
            spans = [span for span in spans if span.last - span.first >= _SHORTEST_SPAN]
        if not spans:
            return []
        first, last = min(span.first for span in spans), max(span.last for span in spans)
        span = Span(first, last, spans[0].start, spans[-1].end)
        place = (text, span.start, span.end)
        found = self._by_years(text, span)
        if copy_of(*place) or is_copy(*place):
            return [_set_aside(found, "a copy or a fake", copy=True)]
        if imitation(*place) or negation(*place):
            return [_set_aside(found, f"not {found.words}")]
        if found.code and (doubt(*place) or is_doubted(*place, "period")):
            return [replace(found, note=DOUBTED, doubtful=True)]
        return [found]

    def _by_years(self, text: Text, span: Span) -> Finding:
        exact = [d for d in self.dynasties if _near(d.first, span.first) and _near(d.last, span.last)]
        inside = [d for d in self.dynasties if d.code and _within(span, d)]
        code_count = len({d.code for d in inside})
        if exact:
            dynasty = min(exact, key=lambda d: d.last - d.first)
            note = "" if dynasty.code else outside(dynasty.name)
            return finding(text, span.start, span.end, dynasty.code, note, strength=WEAK)
        if code_count == 1:
            return finding(text, span.start, span.end, inside[0].code, strength=WEAK)
        touched = [d.name for d in self.dynasties if d.code and d.first <= span.last and span.first <= d.last]
        years = f"years {span.first}-{span.last}"
        if touched:  # a wide range contradicts no name within it
            note = f"{years} reach beyond one period: {', '.join(touched)}"
            return finding(text, span.start, span.end, None, note, counts=False)
        return finding(text, span.start, span.end, None, f"{years} lie outside the taxonomy", strength=WEAK)


def period_reader(task: Task) -> PeriodReader:
    """The reader for a task whose classes are periods."""
    rules = load_rules().period
    entries = [
        *((word, Meaning(None, _NOT_A_PERIOD, alone=True)) for word in rules.not_periods),
        *class_words(task, names_alone=False),
        *_reigns(task, rules.reigns),
    ]
    dynasties = [Dynasty(c.code, c.names.en, *c.years) for c in task.classes if c.years]
    for name, first, last, words in rules.outside:
        own = _class_called(task, words)
        meaning = own.names.en if own else name
        entries += [(word, Meaning(own.code if own else None, meaning, not _is_plain_latin(word))) for word in words]
        if own is None:
            dynasties.append(Dynasty(None, name, first, last))
    dates = r"\s*\(\s*(?:c\.?\s*|a\.?d\.?\s*)*\d{3}|,?\s*\d{1,2}(?:st|nd|rd|th)"
    return PeriodReader(
        build_lexicon(entries),
        tuple(dynasties),
        beside=re.compile(rf"[\s-]*{any_of(rules.after)}|{dates}"),
        joined=re.compile(rf"\s*(?:{any_of(rules.joined)}|[-/、])\s*(?:{any_of(rules.early)}[\s-]*)?"),
        inscribed=re.compile(rf"[\s-]*{any_of(rules.inscribed)}"),
        thing=re.compile(rf"[^\W\d_]{{1,4}}窑|{any_of(rules.things)}"),
        filling=re.compile(rf"{any_of(rules.filling)}|[-/()\[\],.;:?|、~\s]"),
    )


_LONGEST_PERIOD = 120
_AND = frozenset(("", "和", "与", "及", "、", "/"))
_YUANHE = re.compile(
    r"元和(?=$|[\W\d]|[元一二三四五六七八九十]+年|年|间)"
)  # a reign of Tang; 宋元和明 joins two dynasties
_SHORTEST_SPAN = 20  # years: shorter ranges in running text are page numbers and inventory numbers


def _agreed(found: list[Finding]) -> list[Finding]:
    """One finding of several parts of a name, or that they differ."""
    if len({one.code for one in found}) > 1:
        return [several(found, "period")]
    return found[:1]


def _set_aside(found: Finding, note: str, *, copy: bool = False) -> Finding:
    return replace(found, code=None, note=note, counts=False, about=found.code, copy=copy)


def _chunks(text: Text) -> Iterator[Text]:
    start = 0
    for hit in re.finditer(r"[,，。;；:\n(（)）]|$", text.plain):
        yield text.part(start, hit.start())
        start = hit.end()
        if hit[0] in ("。", "\n"):
            return


def _class_called(task: Task, words: tuple[str, ...]) -> TaxonomyClass | None:
    """The class that is one of the periods which other taxonomies leave out: its reigns are its own then."""
    known = {fold(word).plain for word in words}
    for entry in task.classes:
        if known & {fold(word).plain for word in (entry.names.en, entry.code, *entry.variants)}:
            return entry
    return None


def _reigns(task: Task, reigns: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, Meaning]]:
    for code, words in reigns.items():
        if code in task.codes:
            for word in words:
                yield word, Meaning(code, task[code].names.en, alone=not _is_plain_latin(word))


def _within_any(match: Match, spans: list[tuple[int, int]]) -> bool:
    return any(start <= match.start and match.end <= end for start, end in spans)


def _is_plain_latin(word: str) -> bool:
    return not is_han(word[-1]) and " " not in word


def _near(a: int, b: int) -> bool:
    return abs(a - b) <= _TOLERANCE


def _within(span: Span, dynasty: Dynasty) -> bool:
    return dynasty.first - _TOLERANCE <= span.first and span.last <= dynasty.last + _TOLERANCE
