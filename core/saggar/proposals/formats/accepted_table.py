"""What people accepted as a table that a catalogue system imports: an object a row, the system's columns and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from saggar.errors import InvalidInputError
from saggar.importing.tables.label_rows import plain_label, spellings
from saggar.proposals.decisions import Decided
from saggar.proposals.formats.profiles import Profile
from saggar.proposals.formats.review_table import write_tables
from saggar.proposals.formats.vocabulary import Vocabulary

_SHOWN = 20


@dataclass(frozen=True)
class AcceptedObject:
    """An object's accepted classes by task, of all its rows, and where they come from."""

    number: str
    codes: Mapping[str, str]
    model_id: str
    data_snapshot: str
    answered: str
    rows: tuple[str, ...]  # `table, row 12`


def accepted_objects(rows: Iterable[Decided], vocabulary: Vocabulary) -> list[AcceptedObject]:
    """The objects of rows with an accepted or corrected proposal, in their order; rows of one object together.

    Raises InvalidInputError where a row has no object number, a correction is no class, or rows of one object disagree.
    """
    found: dict[str, AcceptedObject] = {}
    problems: list[str] = []
    for row in rows:
        place = f"{Path(row.file).name}, row {row.number}"
        codes = dict(row.accepted)
        for task, word in row.corrected.items():
            code = _code(task, word, vocabulary)
            if code is None:
                problems.append(f"{place}: '{word}' is not a class of {task}")
            else:
                codes[task] = code
        if not codes:
            continue
        if not row.object_number:
            problems.append(f"{place}: has no object number (name its column with --number-column)")
            continue
        before = found.get(row.object_number)
        if before is None:
            found[row.object_number] = AcceptedObject(
                row.object_number, codes, row.model_id, row.data_snapshot, row.answered, (place,)
            )
            continue
        problems += [
            f"{place}: {row.object_number} is {codes[task]} here and {before.codes[task]} in {before.rows[0]}"
            for task in sorted(codes.keys() & before.codes.keys())
            if codes[task] != before.codes[task]
        ]
        found[row.object_number] = replace(before, codes={**before.codes, **codes}, rows=(*before.rows, place))
    if problems:
        more = f"\n  and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        raise InvalidInputError("nothing was written:\n  " + "\n  ".join(problems[:_SHOWN]) + more)
    return list(found.values())


def write_accepted(
    path: Path, objects: list[AcceptedObject], profile: Profile, vocabulary: Vocabulary, *, byte_order_mark: bool
) -> list[Path]:
    """The table at `path`, in as many files as the profile asks for; what is unknown of an object is an empty cell."""
    columns = [profile.column(task, vocabulary.kind(task)) for task in vocabulary.tasks]
    if doubled := sorted({name for name in columns if columns.count(name) > 1}):
        raise InvalidInputError(f"two tasks go into the column '{doubled[0]}'; give one of them another with --field")
    lines = (
        [each.number, *(vocabulary.value(task, each.codes.get(task, "")) for task in vocabulary.tasks)]
        for each in objects
    )
    header = [profile.number, *columns]
    return write_tables(path, header, lines, len(objects), profile.rows_a_file, byte_order_mark=byte_order_mark)


def _code(task: str, word: str, vocabulary: Vocabulary) -> str | None:
    of_task = vocabulary.task(task)
    if of_task is None:
        return word
    own = {plain_label(value): code for (name, code), value in (vocabulary.values or {}).items() if name == task}
    return {**own, **spellings(of_task)}.get(plain_label(word))
