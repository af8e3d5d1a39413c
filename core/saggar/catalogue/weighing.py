"""From findings of several columns to one label, a confidence and the conflicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saggar.catalogue.attributes.evidence import Finding
from saggar.catalogue.columns import Role

_RELIABILITY: dict[str, dict[Role, float]] = {  # of a column for a task's kind; 0 where it is not read
    "period": {
        "period": 1.0,
        "name": 0.9,
        "kiln": 0.5,
        "glaze": 0.7,
        "form": 0.7,
        "description": 0.5,
        "other": 0.4,
    },
    "kiln": {
        "kiln": 1.0,
        "name": 0.95,
        "glaze": 0.85,
        "period": 0.6,
        "form": 0.85,
        "description": 0.5,
        "other": 0.4,
    },
    "glaze": {"glaze": 0.9, "name": 1.0, "form": 0.5, "kiln": 0.5, "description": 0.45, "other": 0.4},
    "form": {"form": 0.9, "name": 1.0, "description": 0.4},
    "plain": {"name": 1.0, "other": 0.8, "form": 0.8, "glaze": 0.8, "description": 0.4},
}
_SURE = 0.98
_DOUBT = 0.6


@dataclass(frozen=True)
class Evidence:
    """A finding, and the column that it is from."""

    column: str
    role: Role
    finding: Finding


@dataclass(frozen=True)
class Decision:
    """The label of one task: None where nothing speaks for a class, or too much for several."""

    code: str | None
    confidence: float
    conflict: str | None


def reliability(kind: str, role: Role) -> float:
    """How much a column of this role counts for a task of this kind; 0 if it is not read."""
    return _RELIABILITY[kind].get(role, 0.0)


def decide(kind: str, evidence: Sequence[Evidence]) -> Decision:
    """The label that weighs most. Columns that disagree with it make a conflict and lower the confidence."""
    counted = [one for one in evidence if one.finding.counts]
    if not counted:
        return Decision(None, 0.0, None)
    weights: dict[str | None, float] = {}
    for one in counted:
        code = one.finding.code
        weights[code] = weights.get(code, 0.0) + _weight(kind, one)
    best = max(weights, key=lambda code: (weights[code], code is not None))
    for_it = [one for one in counted if one.finding.code == best]
    against = [one for one in counted if one.finding.code != best]
    conflict = _conflict(for_it, against) if against else None
    if best is None:
        return Decision(None, 0.0, conflict)
    strongest = max(_weight(kind, one) for one in for_it)
    share = weights[best] / sum(weights.values())
    confidence = _SURE * (0.5 + 0.5 * strongest) * share
    if any(one.finding.doubtful for one in for_it):
        confidence *= _DOUBT
    return Decision(best, round(confidence, 3), conflict)


def _weight(kind: str, one: Evidence) -> float:
    return reliability(kind, one.role) * one.finding.strength


def _conflict(for_it: Sequence[Evidence], against: Sequence[Evidence]) -> str:
    return f"{_said(for_it[0])}, but {'; '.join(_said(one) for one in against)}"


def _said(one: Evidence) -> str:
    meaning = one.finding.code or one.finding.note
    return f"{one.column} says '{one.finding.words}' ({meaning})"
