"""What people accepted, as labels of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from saggar.dataset.record import OBJECT_COLUMNS
from saggar.errors import InvalidInputError
from saggar.importing.intake import Progress, import_table
from saggar.importing.report import ImportReport
from saggar.importing.tables.label_table import LabelTable, Row
from saggar.proposals.asking.photographs import kept_name
from saggar.proposals.columns import DECISION
from saggar.proposals.decisions import Decided, decided_tasks, read_decisions, tally
from saggar.store import ObjectStore
from saggar.taxonomy import Taxonomy


def import_accepted(
    images_root: Path,
    tables: Sequence[Path],
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    encoding: str | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Photographs of rows in which a proposal was accepted or corrected, with those labels alone.

    `tables` are those that `saggar classify --catalogue` wrote; `images_root` is the folder that their photographs are
    in, those that were fetched and kept too. What was rejected, or not decided, is unknown. The first warning of the
    report says how many of each there were. See `saggar.importing.intake.import_table`.
    """
    tasks = dict.fromkeys(task for path in tables for task in decided_tasks(path, encoding))
    if unknown := [task for task in tasks if task not in taxonomy.task_names]:
        raise InvalidInputError(
            f"{tables[0]}: decides about {', '.join(unknown)}, and taxonomy {taxonomy.id} has "
            f"{', '.join(taxonomy.task_names)}; name the model's taxonomy with --taxonomy"
        )
    rows = list(read_decisions(tables, encoding))
    counts = tally(rows)
    if not counts.rows_taken:
        raise InvalidInputError(
            f"{tables[0]}: {counts}; write accept or reject, or another class, into the columns {DECISION}..."
        )
    if not images_root.is_dir():
        raise InvalidInputError(f"{images_root}: no such folder; name the one that the photographs are in")
    taken = [_with_kept_image(images_root, row) for row in rows if row.accepted or row.corrected]
    table = _label_table(tables[0], tuple(tasks), taken)
    found = import_table(
        images_root.resolve(), table, taxonomy.narrowed(list(tasks)), store, strict=strict, progress=progress
    )
    return replace(found, warnings=(f"{tables[0].name}: {counts}", *found.warnings))


def _with_kept_image(images_root: Path, row: Decided) -> Decided:
    """The row with the file in which `saggar classify --keep-images` kept what it fetched."""
    kept = kept_name(row.image.strip())
    return replace(row, image=kept) if "://" in row.image and (images_root / kept).is_file() else row


def _label_table(source: Path, tasks: tuple[str, ...], rows: Sequence[Decided]) -> LabelTable:
    columns = ("image", *tasks, OBJECT_COLUMNS[0])
    cells = [
        Row(
            row.number,
            (row.image, *((row.accepted | row.corrected).get(task, "") for task in tasks), row.object_number),
        )
        for row in rows
    ]
    return LabelTable(
        source=str(source),
        encoding="utf-8",
        delimiter=",",
        columns={name: place for place, name in enumerate(columns)},
        ignored=(),
        width=len(columns),
        header=Row(1, columns),
        rows=tuple(cells),
    )
