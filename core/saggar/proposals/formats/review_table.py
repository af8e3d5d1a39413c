"""Proposals as a table for people: what the model proposes, how sure it is, and a column to decide in.

Per task: `saggar_proposed_<field>` (the catalogue's word), `saggar_confidence_<task>` (0 to 1), `saggar_set_<task>`
(all that is possible), `saggar_code_<task>` and `saggar_accept_or_reject_<task>`, which is empty. The catalogue's own
cells are as they are, but for an apostrophe before what a spreadsheet would run as a formula.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from saggar.errors import InvalidInputError
from saggar.files.tables.csv_text import copied_cell, data_cell, plain_heading
from saggar.files.wholefile import whole_file
from saggar.proposals.answers import RowAnswer, TaskProposal
from saggar.proposals.catalogue import CatalogueRow, ObjectCatalogue
from saggar.proposals.columns import (
    ANSWERED,
    CODE,
    CONFIDENCE,
    COVERAGE,
    DECISION,
    DOUBT,
    ERROR,
    IMAGE,
    MODEL,
    NOT_PORCELAIN,
    NOTES,
    NUMBER,
    OWN,
    POSSIBLE,
    PROPOSED,
    ROW,
    SNAPSHOT,
)
from saggar.proposals.formats.profiles import Profile
from saggar.proposals.formats.vocabulary import Vocabulary

_BETWEEN = "; "


def review_columns(profile: Profile, vocabulary: Vocabulary) -> list[str]:
    """The columns that are added to a catalogue."""
    of_tasks = [
        column
        for task in vocabulary.tasks
        for column in (
            f"{PROPOSED}{profile.column(task, vocabulary.kind(task))}",
            f"{CONFIDENCE}{task}",
            f"{POSSIBLE}{task}",
            f"{DECISION}{task}",
        )
    ]
    codes = [f"{CODE}{task}" for task in vocabulary.tasks]
    of_row = [COVERAGE, NOT_PORCELAIN, DOUBT, NOTES, ERROR, MODEL, SNAPSHOT, ANSWERED, ROW, NUMBER, IMAGE]
    return [*of_tasks, *of_row, *codes]


def refuse_clashes(catalogue: ObjectCatalogue, profile: Profile, vocabulary: Vocabulary) -> None:
    """Raises InvalidInputError where the table would have two columns of a name that is ours, by which decisions are
    read and where they come from; or where that to import would have two of a name.
    """
    for name in catalogue.header if profile.whole_rows else ():
        if plain_heading(name).startswith(OWN):
            raise InvalidInputError(
                f"{catalogue.file.path}: has a column '{name.strip()}', and names with {OWN} are those of tables to "
                "review; give the catalogue itself, or rename the column"
            )
    profile.columns(vocabulary.tasks, vocabulary.kinds)


def write_review(
    path: Path,
    catalogue: ObjectCatalogue,
    answers: Callable[[int], RowAnswer],
    profile: Profile,
    vocabulary: Vocabulary,
    *,
    byte_order_mark: bool,
) -> list[Path]:
    """The table at `path`, in several files where the profile takes no more rows in one; each written whole.

    `answers` gives that of the row at a place. Returns the files in their order.
    """
    own = list(map(copied_cell, catalogue.header)) if profile.whole_rows else [data_cell(profile.number)]
    header = [*own, *map(data_cell, review_columns(profile, vocabulary))]
    lines = (
        [*_own(row, profile), *map(data_cell, review_cells(row, answers(row.place), vocabulary))]
        for row in catalogue.rows()
    )
    return write_tables(path, header, lines, catalogue.file.count, profile.rows_a_file, byte_order_mark=byte_order_mark)


def review_cells(row: CatalogueRow, answer: RowAnswer, vocabulary: Vocabulary) -> list[str]:
    """The cells of the added columns."""
    proposals = [(task, (answer.tasks or {}).get(task)) for task in vocabulary.tasks]
    cells = [cell for task, proposal in proposals for cell in _task_cells(task, proposal, vocabulary)]
    own = (
        _number(answer.coverage),
        {None: "", True: "yes", False: "no"}[answer.not_porcelain],
        _number(answer.not_porcelain_score),
        _BETWEEN.join(answer.notes),
        answer.error,
        answer.model_id,
        answer.data_snapshot,
        answer.answered,
        str(row.number),
        row.object_number,
        row.photograph,
    )
    codes = ["" if proposal is None or proposal.abstains else proposal.code for _, proposal in proposals]
    return [*cells, *own, *codes]


def table_files(path: Path, rows: int, rows_a_file: int | None) -> list[Path]:
    """The files that a table of so many rows takes: `path` alone, or `path` with -001, -002 ... before its ending."""
    if rows_a_file is None or rows <= rows_a_file:
        return [path]
    count = -(-rows // rows_a_file)
    return [path.with_name(f"{path.stem}-{number:03d}{path.suffix}") for number in range(1, count + 1)]


def write_tables(
    path: Path,
    header: Sequence[str],
    lines: Iterator[Sequence[str]],
    rows: int,
    rows_a_file: int | None,
    *,
    byte_order_mark: bool,
) -> list[Path]:
    """CSV files with `header` and at most `rows_a_file` lines each; all are written before the first gets its name.

    The cells are harmless to spreadsheets already (`data_cell`).
    """
    files = table_files(path, rows, rows_a_file)
    with ExitStack() as stack:
        for file in files:
            out = stack.enter_context(whole_file(file))
            text = io.TextIOWrapper(out, encoding="utf-8-sig" if byte_order_mark else "utf-8", newline="")
            _write(text, header, lines, rows_a_file)
            text.flush()
            text.detach()
    return files


def _write(out: TextIO, header: Sequence[str], lines: Iterator[Sequence[str]], most: int | None) -> None:
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(itertools.islice(lines, most))


def _own(row: CatalogueRow, profile: Profile) -> Iterable[str]:
    return map(copied_cell, row.written) if profile.whole_rows else (data_cell(row.object_number),)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _task_cells(task: str, proposal: TaskProposal | None, vocabulary: Vocabulary) -> tuple[str, ...]:
    if proposal is None:
        return ("", "", "", "")
    proposed = "" if proposal.abstains else vocabulary.value(task, proposal.code, proposal.name)
    possible = _BETWEEN.join(vocabulary.value(task, code) for code in proposal.possible)
    return (proposed, f"{proposal.confidence:.3f}", possible, "")
