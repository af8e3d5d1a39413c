"""What people decided in a table to review: read back as labels, told clearly what was taken and what was not."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saggar.errors import FieldViolation, InvalidInputError
from saggar.files.tables.csv_file import CsvFile, open_csv
from saggar.files.tables.csv_text import from_spreadsheet_cell, plain_heading
from saggar.proposals.columns import ANSWERED, CODE, CONFIDENCE, DECISION, IMAGE, MODEL, NUMBER, OWN, ROW, SNAPSHOT

ACCEPT = frozenset({"accept", "accepted", "a", "yes", "y", "true", "1", "ok", "x", "✓", "是", "接受", "对", "對"})
REJECT = frozenset({"reject", "rejected", "r", "no", "n", "false", "0", "否", "拒绝", "拒絕", "错", "錯"})
_SHOWN = 50


@dataclass(frozen=True)
class Decided:
    """One row: the codes that were accepted or given instead, by task, and what the table says of the row."""

    file: str
    number: int  # in the table, as a spreadsheet counts
    row: str  # in the catalogue
    object_number: str
    image: str
    model_id: str
    data_snapshot: str
    answered: str
    accepted: dict[str, str]
    corrected: dict[str, str] = field(default_factory=dict)  # what people wrote in place of a proposal
    rejected: tuple[str, ...] = ()
    open: tuple[str, ...] = ()  # proposed, and nobody decided
    confidence: dict[str, str] = field(default_factory=dict)  # of proposals, by task
    number_column: str = NUMBER  # that `object_number` is from


@dataclass(frozen=True)
class Tally:
    """How many proposals there were of each decision."""

    accepted: int
    corrected: int
    rejected: int
    open: int
    rows: int
    rows_taken: int

    def __str__(self) -> str:
        return (
            f"{self.accepted:,} proposals accepted, {self.corrected:,} corrected, {self.rejected:,} rejected, "
            f"{self.open:,} not decided; {self.rows_taken:,} of {self.rows:,} rows have a label"
        )


def read_decisions(
    paths: Sequence[Path], encoding: str | None = None, number_column: str | None = None
) -> Iterator[Decided]:
    """Every row of the tables at `paths`, in their order; one table that was split is several. `number_column` has the
    objects' numbers, where that is not the column by which the table was made.

    A decision is `accept` or `reject` (yes, no, 1, 0, x, 是, 否 ...), or the code or name of another class, which the
    importer checks. Raises NotFoundError and InvalidInputError, the latter with every cell that cannot be read, or for
    a table that is named twice.
    """
    first: dict[Path, Path] = {}
    for path in paths:
        if known := first.get(path.resolve()):
            raise InvalidInputError(f"{path} and {known} are one table; name it once")
        first[path.resolve()] = path
        table = open_csv(path, encoding)
        header = [plain_heading(from_spreadsheet_cell(cell)) for cell in table.header]
        tasks = _tasks(path, header)
        number = header.index(NUMBER) if NUMBER in header else None
        if number_column is not None:
            number = table.column(number_column)
        yield from _of_table(table, header, tasks, number, number_column or NUMBER)


def tally(rows: Sequence[Decided]) -> Tally:
    counts: Counter[str] = Counter()
    for row in rows:
        counts["accepted"] += len(row.accepted)
        counts["corrected"] += len(row.corrected)
        counts["rejected"] += len(row.rejected)
        counts["open"] += len(row.open)
        counts["rows_taken"] += bool(row.accepted or row.corrected)
    names = ("accepted", "corrected", "rejected", "open", "rows_taken")
    return Tally(rows=len(rows), **{name: counts[name] for name in names})


def decided_tasks(path: Path, encoding: str | None = None) -> tuple[str, ...]:
    """The tasks that the table at `path` has decisions about."""
    header = [plain_heading(from_spreadsheet_cell(cell)) for cell in open_csv(path, encoding).header]
    return _tasks(path, header)


def decided_codes(paths: Sequence[Path], encoding: str | None = None) -> dict[str, tuple[str, ...]]:
    """The classes that are proposed anywhere in the tables at `paths`, by task."""
    found: dict[str, set[str]] = {}
    for path in paths:
        table = open_csv(path, encoding)
        header = [plain_heading(from_spreadsheet_cell(cell)) for cell in table.header]
        places = {task: header.index(f"{CODE}{task}") for task in _tasks(path, header)}
        for task in places:
            found.setdefault(task, set())
        for row in table.rows():
            for task, place in places.items():
                code = from_spreadsheet_cell(row.cells[place]).strip() if place < len(row.cells) else ""
                found[task] |= {code} if code else set()
    return {task: tuple(sorted(codes)) for task, codes in found.items()}


def _tasks(path: Path, header: list[str]) -> tuple[str, ...]:
    tasks = tuple(name.removeprefix(DECISION) for name in header if name.startswith(DECISION))
    lacking = [name for name in (ROW, IMAGE, *(f"{CODE}{task}" for task in tasks)) if header.count(name) != 1]
    if not tasks or lacking:
        raise InvalidInputError(
            f"{path}: is not a table of `saggar classify --catalogue`: it has no column "
            f"{lacking[0] if lacking else f'{DECISION}TASK'} (each must be there once); give it with all its columns"
        )
    if twice := [name for place, name in enumerate(header) if name.startswith(OWN) and name in header[:place]]:
        raise InvalidInputError(f"{path}: column '{twice[0]}' appears twice; keep the one that the table had")
    return tasks


def _of_table(
    table: CsvFile, header: list[str], tasks: tuple[str, ...], number: int | None, number_column: str
) -> Iterator[Decided]:
    problems: list[FieldViolation] = []
    places = {name: header.index(name) for name in header}
    for row in table.rows():
        cells = [from_spreadsheet_cell(cell) for cell in row.cells]
        cells += [""] * (len(header) - len(cells))

        def cell(name: str, cells: list[str] = cells) -> str:
            return cells[places[name]].strip() if name in places else ""

        accepted: dict[str, str] = {}
        corrected: dict[str, str] = {}
        rejected, undecided = [], []
        for task in tasks:
            decision, code = cell(f"{DECISION}{task}"), cell(f"{CODE}{task}")
            plain = decision.casefold()
            if not decision:
                undecided += [task] if code else []
            elif plain in REJECT:
                rejected.append(task)
            elif plain in ACCEPT:
                if code:
                    accepted[task] = code
                else:
                    place = f"row {row.number}, {DECISION}{task}"
                    problems.append(FieldViolation(place, "accepts, and nothing is proposed; write the class instead"))
            elif near := difflib.get_close_matches(plain, ("accept", "reject"), n=1, cutoff=0.8):
                place = f"row {row.number}, {DECISION}{task}"
                problems.append(FieldViolation(place, f"'{decision}' is not understood; did you mean '{near[0]}'?"))
            else:
                corrected[task] = decision
        yield Decided(
            str(table.path),
            row.number,
            cell(ROW),
            cells[number].strip() if number is not None else "",
            cells[places[IMAGE]],
            cell(MODEL),
            cell(SNAPSHOT),
            cell(ANSWERED),
            accepted,
            corrected,
            tuple(rejected),
            tuple(undecided),
            {task: cell(f"{CONFIDENCE}{task}") for task in tasks},
            number_column,
        )
    if problems:
        lines = "\n".join(f"  {each.field}: {each.description}" for each in problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        raise InvalidInputError(f"{table.path}: nothing was taken:\n{lines}{more}", tuple(problems[:_SHOWN]))
