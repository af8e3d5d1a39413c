"""Catalogue rows to labels: `map_rows` proposes a class per task with the words that it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from saggar.catalogue.attributes.evidence import Finding
from saggar.catalogue.attributes.forms import FormReader
from saggar.catalogue.attributes.glazes import GlazeReader
from saggar.catalogue.attributes.kilns import KilnReader
from saggar.catalogue.attributes.periods import PeriodReader
from saggar.catalogue.columns import Column, Role, find_columns, is_blank, is_credit
from saggar.catalogue.readers import Reader, build_readers
from saggar.catalogue.remarks import find_remarks, with_remarks
from saggar.catalogue.weighing import Decision, Evidence, decide, reliability
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.text import Text, fold, is_han
from saggar.taxonomy import Taxonomy

_IMPLAUSIBLE = 0.8
_BEGIN_AND_END = 2
_A_FEW = 40  # characters that tell the script of a text
_IMPERIAL = frozenset(load_rules().kiln.guards)


@dataclass(frozen=True)
class Conflict:
    """Columns that disagree about a task, in words."""

    task: str
    text: str


@dataclass(frozen=True)
class MappedRow:
    """What one row says. `row` counts the data rows from 0."""

    row: int
    labels: Mapping[str, str | None]
    confidence: Mapping[str, float | None]
    evidence: Mapping[str, tuple[Evidence, ...]]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]


def map_rows(
    taxonomy: Taxonomy,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    given: Mapping[int, Role] | None = None,
) -> tuple[tuple[Column, ...], Iterator[MappedRow]]:
    """The columns as they were understood, and every row with its labels, in order.

    `given` gives the role of columns (by index) whose content does not tell it.
    """
    readers = build_readers(taxonomy)
    columns = find_columns(header, rows, readers, given or {})
    return columns, (_map_row(taxonomy, readers, columns, header, cells, i) for i, cells in enumerate(rows))


def looks_like_an_object(taxonomy: Taxonomy, header: Sequence[str]) -> bool:
    """Whether a header row tells a period or a kiln, as rows do and names of columns do not."""
    readers = build_readers(taxonomy).values()
    cells = [fold(cell) for cell in header]
    return any(
        (isinstance(reader, PeriodReader) and not cell.plain.strip().isdigit() and reader.is_pure(cell))
        or (isinstance(reader, KilnReader) and any(one.code for one in reader.read(cell, own=False)))
        for reader in readers
        for cell in cells
    )


def _map_row(
    taxonomy: Taxonomy,
    readers: Mapping[str, Reader],
    columns: tuple[Column, ...],
    header: Sequence[str],
    cells: Sequence[str],
    number: int,
) -> MappedRow:
    tasks = taxonomy.task_names
    if _repeats(header, cells):
        nothing = dict.fromkeys(tasks)
        return MappedRow(number, nothing, nothing, dict.fromkeys(tasks, ()), (), ("repeats the header",))
    texts = [(column, fold(cells[column.index])) for column in columns if column.index < len(cells)]
    texts = [(column, text) for column, text in texts if column.role != "noise" and not is_blank(text)]
    texts = _joined_years(texts)
    evidence = {name: _evidence(readers[name], texts) for name in tasks}
    remarks = find_remarks([(column, _heard(column, text)) for column, text in texts])
    evidence = with_remarks(evidence, {name: _kind(readers[name]) for name in tasks}, remarks)
    evidence = _without_imperial_kilns(evidence, readers)
    decisions = {name: decide(_kind(readers[name]), evidence[name]) for name in tasks}
    labels = {name: decision.code for name, decision in decisions.items()}
    plausible = _is_later(evidence, readers) or taxonomy.plausible(labels)
    notes = () if plausible else ("a combination that the taxonomy does not know; look at it twice",)
    notes = (*dict.fromkeys(remark.note for remark in remarks), *notes)
    return MappedRow(
        number,
        labels,
        {name: _confidence(decision, plausible=plausible) for name, decision in decisions.items()},
        evidence,
        tuple(Conflict(name, d.conflict) for name, d in decisions.items() if d.conflict),
        notes,
    )


def _joined_years(texts: list[tuple[Column, Text]]) -> list[tuple[Column, Text]]:
    """Two columns that hold a year each are one range: begin and end."""
    years = [(column, text) for column, text in texts if column.role == "period" and text.plain.strip().isdigit()]
    if len(years) != _BEGIN_AND_END:
        return texts
    (begin, first), (end, last) = years
    joined = Column(begin.index, f"{begin.name} - {end.name}", begin.role)
    others = [(column, text) for column, text in texts if column not in (begin, end)]
    return [*others, (joined, fold(f"{first.raw.strip()}-{last.raw.strip()}"))]


def _is_later(evidence: Mapping[str, tuple[Evidence, ...]], readers: Mapping[str, Reader]) -> bool:
    """Whether all that is said of the row's period lies outside the taxonomy."""
    periods = [one for name, found in evidence.items() if isinstance(readers[name], PeriodReader) for one in found]
    said = [one.finding.code for one in periods if one.finding.counts]
    return bool(said) and not any(said)


def _without_imperial_kilns(
    evidence: dict[str, tuple[Evidence, ...]], readers: Mapping[str, Reader]
) -> dict[str, tuple[Evidence, ...]]:
    """官窑 of a row that is Ming or Qing is the imperial kiln of its time, whatever column says so."""
    if not _is_later(evidence, readers):
        return evidence

    def judged(one: Evidence) -> Evidence:
        if fold(one.finding.words).plain not in _IMPERIAL or not one.finding.counts:
            return one
        return replace(one, finding=replace(one.finding, code=None, counts=False, note="the imperial kiln of its time"))

    return {
        name: tuple(judged(one) for one in found) if isinstance(readers[name], KilnReader) else found
        for name, found in evidence.items()
    }


def _evidence(reader: Reader, texts: Sequence[tuple[Column, Text]]) -> tuple[Evidence, ...]:
    kind = _kind(reader)
    found: list[Evidence] = []
    for column, text in sorted(texts, key=lambda pair: -reliability(kind, pair[0].role)):
        if not reliability(kind, column.role) or (column.role == "other" and is_credit(text)):
            continue
        if column.role == "description":
            read = _read_description(reader, text, known=any(one.finding.counts for one in found))
        else:
            read = _read(reader, column.role, text)
        found += [Evidence(column.name, column.role, one) for one in read]
    return tuple(found)


def _heard(column: Column, text: Text) -> Text:
    """What of a column may speak of the whole thing: of a description its opening."""
    return _sentence(text) if column.role == "description" else text


def _read(reader: Reader, role: Role, text: Text) -> list[Finding]:
    if isinstance(reader, PeriodReader):
        return reader.read(text, own=role == "period", title=role == "name")
    if isinstance(reader, KilnReader):
        return reader.read(text, own=role == "kiln", title=role == "name")
    if isinstance(reader, GlazeReader):
        return reader.read(text, own=role == "glaze")
    return reader.read(text)


def _read_description(reader: Reader, text: Text, *, known: bool) -> list[Finding]:
    """Its opening, which often repeats the name. `known`: another column has told the label already."""
    if isinstance(reader, PeriodReader):
        found = reader.read_opening(text)
        return found if found or known else reader.read(_sentence(text), own=False)
    if isinstance(reader, GlazeReader):  # of foot, inside and splashes too: asked where nothing else tells
        return [] if known else reader.read_description(text)
    if isinstance(reader, KilnReader):
        found = reader.read(_opening(text), own=False)
        return found if found or known else reader.read(_sentence(text), own=False)
    return reader.read(_opening(text))


def _opening(text: Text) -> Text:
    """The first clause in Chinese, the first sentence otherwise."""
    if not any(is_han(character) for character in text.plain[:_A_FEW]):
        return _sentence(text)
    hit = re.search(r"(?<!^)[,，。;；\n]", text.plain)
    return text.part(0, hit.start() if hit else len(text.plain))


def _sentence(text: Text) -> Text:
    """The first sentence."""
    hit = re.search(r"[。!?\n]|\.(?=\s|$)", text.plain)
    return text.part(0, hit.start() if hit else len(text.plain))


def _kind(reader: Reader) -> str:
    kinds = {PeriodReader: "period", KilnReader: "kiln", GlazeReader: "glaze", FormReader: "form"}
    return kinds.get(type(reader), "plain")


def _confidence(decision: Decision, *, plausible: bool) -> float | None:
    if decision.code is None:
        return None
    return decision.confidence if plausible else round(decision.confidence * _IMPLAUSIBLE, 3)


def _repeats(header: Sequence[str], cells: Sequence[str]) -> bool:
    named = [name.strip() for name in header]
    return any(named) and [cell.strip() for cell in cells] == named
