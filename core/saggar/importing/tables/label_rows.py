"""Rows of a label table, checked cell by cell against a taxonomy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from saggar.dataset.record import OBJECT_COLUMNS, PROVENANCE
from saggar.errors import InvalidInputError
from saggar.files.scripts import foreign_letter
from saggar.files.tables.csv_text import delimiter_name, plain_heading
from saggar.importing.photographs.names import look_alike
from saggar.importing.report import Refusal
from saggar.importing.tables.label_table import LabelTable, Row
from saggar.taxonomy import Task, Taxonomy

_SHOWN = 80  # characters of a cell in an error


@dataclass(frozen=True)
class LabelledRow:
    """A row whose cells are in order."""

    number: int
    file: str  # as its cell has it, blanks around it too
    object_id: str
    labels: dict[str, str | None]
    provenance: dict[str, str] = field(default_factory=dict)  # those of PROVENANCE that are known


def checked_filter(where: Mapping[str, Sequence[str]], taxonomy: Taxonomy) -> dict[str, frozenset[str]]:
    """Classes to keep per task. Raises InvalidInputError for what the taxonomy does not have."""
    for name, codes in where.items():
        task = taxonomy.task(name)
        if isinstance(codes, str) or not codes:
            raise InvalidInputError(f"where: {name} needs a list of classes, e.g. [{task.codes[0]}]")
        for code in codes:
            if code not in task.codes:
                raise InvalidInputError(f"where: {_unknown_class(task, code)}")
    return {name: frozenset(codes) for name, codes in where.items()}


def checked_rows(
    table: LabelTable, taxonomy: Taxonomy, where: Mapping[str, frozenset[str]]
) -> tuple[list[LabelledRow], list[Refusal], int]:
    """Rows whose cells are in order and which pass the filter; the refused; how many did not pass.

    A label is a code, or a name or variant of its class (see `plain_label`).
    """
    headings = tuple(plain_heading(cell) for cell in table.header.cells)
    of_objects = object_column(table)
    known = {task.name: spellings(task) for task in taxonomy.tasks}
    found: list[LabelledRow] = []
    refused: list[Refusal] = []
    dropped = 0
    for row in table.rows:
        if problem := _shape_problem(row, table, headings):
            refused.append(problem)
            continue
        cell = row.cells[table.columns["image"]]
        file = cell.strip()
        said = {name: row.cells[table.columns[name]].strip() for name in taxonomy.task_names}
        bad = [(name, word) for name, word in said.items() if word and plain_label(word) not in known[name]]
        refused += [Refusal(row.number, file, _unknown_class(taxonomy.task(name), word), name) for name, word in bad]
        if bad:
            continue
        labels = {name: known[name][plain_label(word)] if word else None for name, word in said.items()}
        if any(labels[name] not in codes for name, codes in where.items()):
            dropped += 1
        elif not file:
            reason = "names no file; write the photograph's path, or remove the row"
            refused.append(Refusal(row.number, "", reason, "image"))
        else:
            object_id = row.cells[table.columns[of_objects]].strip() if of_objects else ""
            owned = {name: row.cells[table.columns[name]].strip() for name in PROVENANCE if name in table.columns}
            provenance = {name: text for name, text in owned.items() if text}
            found.append(LabelledRow(row.number, cell, object_id, labels, provenance))
    return found, refused, dropped


def object_column(table: LabelTable) -> str | None:
    """The column that says which photographs are of one object."""
    return next((name for name in OBJECT_COLUMNS if name in table.columns), None)


def plain_label(word: str) -> str:
    """A label without its case, Unicode form, odd spaces and dashes, which tables and folders of other systems vary."""
    return " ".join(look_alike(word).split())


def spellings(task: Task) -> dict[str, str]:
    """Codes by everything that a class may be called, as `plain_label` has it: names, variants, phrase, code.

    What two classes are called is left out, unless it is the code of one.
    """
    meant: dict[str, set[str]] = {}
    for each in task.classes:
        names = (each.names.en, each.names.zh_hans, each.names.zh_hant, *each.variants, each.phrase)
        for name in names:
            if name:
                meant.setdefault(plain_label(name), set()).add(each.code)
    found = {name: min(codes) for name, codes in meant.items() if len(codes) == 1}
    return found | {plain_label(code): code for code in task.codes}  # last: a code outranks a name


def _shape_problem(row: Row, table: LabelTable, headings: tuple[str, ...]) -> Refusal | None:
    place = table.columns["image"]
    file = row.cells[place].strip() if place < len(row.cells) else ""
    if tuple(plain_heading(cell) for cell in row.cells) == headings:
        return Refusal(row.number, "", "repeats the header; remove the row")
    surplus = [cell for cell in row.cells[table.width :] if cell.strip()]
    if len(row.cells) < table.width or surplus:
        return Refusal(
            row.number,
            file,
            f"has {len(row.cells)} cells where the header has {table.width}; a value that holds a "
            f"{delimiter_name(table.delimiter)} must be in quotation marks, an unknown label is an empty cell",
        )
    return None


def _unknown_class(task: Task, code: str) -> str:
    """Names the class meant, by code, name or variant, or else all classes."""
    known = spellings(task)
    plain = plain_label(code)
    close = [plain] if plain in known else difflib.get_close_matches(plain, list(known), n=1)
    shown = code if len(code) <= _SHOWN else f"{code[:_SHOWN]}…"
    found = foreign_letter(shown)
    said = f"'{shown}' is not a class of {task.name}" + (f": it has {found}" if found else "")
    if close:
        return f"{said}; did you mean '{known[close[0]]}'?"
    return f"{said}; known: {', '.join(task.codes)}; blank for unknown"
