"""What a row says of the whole thing, and what that makes of evidence in other columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from saggar.catalogue.attributes.evidence import DOUBTED, Finding
from saggar.catalogue.columns import Column, Role
from saggar.catalogue.weighing import Evidence
from saggar.catalogue.words.statements import Says, statements
from saggar.catalogue.words.text import Text

_ASIDE: frozenset[Role] = frozenset(("other", "description"))  # columns that speak of the thing, not of one task


@dataclass(frozen=True)
class Remark:
    """A column that says that the thing is a copy or a fake, or in doubt."""

    column: Column
    says: Says
    topic: str | None
    words: str

    @property
    def note(self) -> str:
        """The remark for a person."""
        meaning = "a copy or a fake" if self.says == "copy" else DOUBTED
        return f"{self.column.name} says '{self.words}' ({meaning})"


def find_remarks(texts: Sequence[tuple[Column, Text]]) -> tuple[Remark, ...]:
    """The remarks of one row; a doubt counts where it is said outside the columns of a task."""
    return tuple(
        Remark(column, one.says, one.topic, text.quote(one.start, one.end).strip())
        for column, text in texts
        for one in statements(text)
        if one.says == "copy" or column.role in _ASIDE
    )


def with_remarks(
    evidence: Mapping[str, tuple[Evidence, ...]], kinds: Mapping[str, str], remarks: Sequence[Remark]
) -> dict[str, tuple[Evidence, ...]]:
    """Evidence of periods and kilns as the remarks leave it.

    A copy is no work of the kiln that it copies, and its period is in doubt, since it may be a copy of its own time.
    """
    copies = [one for one in remarks if one.says == "copy"]
    is_copy = bool(copies) or any(one.finding.copy for found in evidence.values() for one in found)
    apart = any(one.column.role in _ASIDE for one in copies)
    doubts = [one.topic for one in remarks if one.says == "doubt"]

    def judged(kind: str, one: Evidence, copied: frozenset[str | None]) -> Evidence:
        code = one.finding.code
        if code is None or not one.finding.counts or kind not in ("period", "kiln"):
            return one
        if kind == "kiln" and apart:
            return replace(one, finding=_denied(one.finding))
        if kind == "period" and is_copy:
            return _doubted(one, "the thing is a copy or a fake")
        if code in copied:
            return _doubted(one, "denied elsewhere")
        if any(topic in (None, kind) for topic in doubts):
            return _doubted(one, "by a remark")
        return one

    return {
        name: tuple(judged(kinds[name], one, frozenset(e.finding.about for e in found)) for one in found)
        for name, found in evidence.items()
    }


def _doubted(one: Evidence, why: str) -> Evidence:
    return replace(one, finding=replace(one.finding, doubtful=True, note=f"{DOUBTED}: {why}"))


def _denied(finding: Finding) -> Finding:
    note = f"a copy or a fake of {finding.code}"
    return replace(finding, code=None, counts=False, about=finding.code, copy=True, note=note)
