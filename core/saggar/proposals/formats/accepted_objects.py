"""What people accepted, by object, with where each class comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from saggar.errors import InvalidInputError
from saggar.importing.tables.label_rows import plain_label, spellings
from saggar.proposals.decisions import Decided
from saggar.proposals.formats.vocabulary import Vocabulary

_SHOWN = 20


@dataclass(frozen=True)
class AcceptedClass:
    """A class that a person accepted, or wrote in place of the model's (`corrected`)."""

    code: str
    corrected: bool
    model_id: str
    data_snapshot: str  # SHA-256 of the data set that the model was trained with
    answered: str  # when the model answered, as the table has it
    confidence: str  # 0 to 1, of the proposal; empty of a correction
    place: str  # `table, row 12`


@dataclass(frozen=True)
class AcceptedObject:
    """An object's accepted classes by task, of all its rows."""

    number: str
    classes: Mapping[str, AcceptedClass]


def accepted_objects(rows: Iterable[Decided], vocabulary: Vocabulary) -> list[AcceptedObject]:
    """The objects of rows with an accepted or corrected proposal, in their order; rows of one object together.

    Raises InvalidInputError where a row has no object number, a correction is no class, or rows of one object disagree.
    """
    found: dict[str, AcceptedObject] = {}
    problems: list[str] = []
    for row in rows:
        classes, wrong = _classes(row, vocabulary)
        problems += wrong
        if not classes:
            continue
        if not row.object_number:
            problems.append(
                f"{_place(row)}: has no object number; write it into its column {row.number_column}, or name the "
                "column that has it with --number-column"
            )
            continue
        before = found.setdefault(row.object_number, AcceptedObject(row.object_number, {}))
        problems += [
            f"{each.place}: {task} of {row.object_number} is {each.code} here and {before.classes[task].code} in "
            f"{before.classes[task].place}"
            for task, each in classes.items()
            if task in before.classes and before.classes[task].code != each.code
        ]
        found[row.object_number] = replace(before, classes={**before.classes, **classes, **before.classes})
    if problems:
        more = f"\n  and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        raise InvalidInputError("nothing was written:\n  " + "\n  ".join(problems[:_SHOWN]) + more)
    return list(found.values())


def _classes(row: Decided, vocabulary: Vocabulary) -> tuple[dict[str, AcceptedClass], list[str]]:
    def made(code: str, confidence: str, *, corrected: bool) -> AcceptedClass:
        return AcceptedClass(code, corrected, row.model_id, row.data_snapshot, row.answered, confidence, _place(row))

    found = {task: made(code, row.confidence.get(task, ""), corrected=False) for task, code in row.accepted.items()}
    problems = []
    for task, word in row.corrected.items():
        code = _code(task, word, vocabulary)
        if code is None:
            problems.append(f"{_place(row)}: '{word}' is not a class of {task}")
        else:
            found[task] = made(code, "", corrected=True)
    return found, problems


def utc_moment(text: str) -> str:
    """A moment by ISO 8601, in UTC: 2026-11-28T12:00:00Z. Empty for what a spreadsheet made something else of."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _place(row: Decided) -> str:
    return f"{Path(row.file).name}, row {row.number}"


def _code(task: str, word: str, vocabulary: Vocabulary) -> str | None:
    of_task = vocabulary.task(task)
    if of_task is None:
        return word
    own = {plain_label(value): code for (name, code), value in (vocabulary.values or {}).items() if name == task}
    return {**own, **spellings(of_task)}.get(plain_label(word))
