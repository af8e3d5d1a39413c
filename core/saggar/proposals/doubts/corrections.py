"""What people decided in a table of doubts, and the data set with it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saggar.dataset.manifest import LABEL_PREFIX, Manifest
from saggar.errors import FieldViolation, InvalidInputError, refuse
from saggar.files.tables.csv_file import open_csv
from saggar.files.tables.csv_text import from_spreadsheet_cell, plain_heading
from saggar.importing.tables.label_rows import plain_label, spellings
from saggar.proposals.decisions import ACCEPT as ACCEPTS
from saggar.proposals.decisions import REJECT as REJECTS
from saggar.proposals.doubts.table import ACCEPT, DATASET, IMAGE, LABEL, PROPOSED, TASK
from saggar.taxonomy import Taxonomy

_UNKNOWN = frozenset({"unknown", "?", "未知", "不明"})
_NEEDED = (IMAGE, TASK, LABEL, PROPOSED, ACCEPT, DATASET)


@dataclass(frozen=True)
class Decision:
    """A row of the table. `decided`: as it was written, empty where nobody has."""

    row: int  # as a spreadsheet counts
    image: str
    task: str
    label: str
    proposed: str
    decided: str


@dataclass(frozen=True)
class Corrected:
    """The data set with what was accepted, and how many labels were decided each way."""

    manifest: Manifest
    corrected: int  # labels that another class was accepted for
    made_unknown: int
    rejected: int
    open: int
    there_already: int

    def __str__(self) -> str:
        said = f"{self.corrected:,} labels corrected, {self.made_unknown:,} made unknown, {self.rejected:,} kept, "
        said += f"{self.open:,} not decided"
        return f"{said}, {self.there_already:,} corrected before" if self.there_already else said


def read_corrections(path: Path, encoding: str | None = None) -> tuple[str, tuple[Decision, ...]]:
    """The id of the data set that the table at `path` is about, and its rows.

    Raises NotFoundError, and InvalidInputError for what is no table of `saggar data doubts`.
    """
    table = open_csv(path, encoding)
    header = [plain_heading(from_spreadsheet_cell(cell)) for cell in table.header]
    if lacking := [name for name in _NEEDED if header.count(name) != 1]:
        raise InvalidInputError(
            f"{path}: is not a table of `saggar data doubts`: it has no column {lacking[0]} (each must be there once); "
            "give it with all its columns"
        )
    places = {name: header.index(name) for name in _NEEDED}
    found: list[Decision] = []
    datasets: set[str] = set()
    for row in table.rows():
        cells = [from_spreadsheet_cell(cell).strip() for cell in row.cells]
        cells += [""] * (len(header) - len(cells))
        datasets.add(cells[places[DATASET]])
        named = (cells[places[name]] for name in (IMAGE, TASK, LABEL, PROPOSED, ACCEPT))
        found.append(Decision(row.number, *named))
    if len(datasets) != 1 or "" in datasets:
        told = f"names the data sets {', '.join(sorted(datasets))}" if found else "has no row"
        raise InvalidInputError(f"{path}: {told}; a table of doubts is about one: leave its rows as they are")
    return datasets.pop(), tuple(found)


def corrected(manifest: Manifest, decisions: Sequence[Decision], taxonomy: Taxonomy, source: str) -> Corrected:
    """`manifest` with the labels that people accepted, or wrote in place of those proposed.

    A decision is `accept` or `reject` (yes, no, 1, 0, x, 是, 否 ...), the code or name of another class, or `unknown`,
    which takes the label away. `source` names the table in errors. Raises InvalidInputError with one violation per row
    that cannot be followed: nothing is corrected then.
    """
    place = {image: number for number, image in enumerate(manifest.frame["image"])}
    columns = {task: manifest.labels(task).to_numpy(dtype=object, copy=True) for task in manifest.tasks}
    known = {task.name: spellings(task) for task in taxonomy.tasks}
    written: dict[tuple[str, str], str | None] = {}
    problems: list[FieldViolation] = []
    counts: Counter[str] = Counter()
    for decision in decisions:
        try:
            code = _decided(decision, known)
        except ValueError as error:
            problems.append(FieldViolation(f"row {decision.row}, {ACCEPT}", str(error)))
            continue
        if code is None:
            counts["rejected" if decision.decided else "open"] += 1
            continue
        number = place.get(decision.image)
        if number is None or decision.task not in columns:
            what = f"task {decision.task}" if number is not None else f"image {decision.image}"
            problems.append(
                FieldViolation(f"row {decision.row}", f"the data set has no {what}; leave rows as they are")
            )
            continue
        target = code or None
        at = (decision.image, decision.task)
        if written.setdefault(at, target) != target:
            problems.append(FieldViolation(f"row {decision.row}", "decides otherwise than another row of the image"))
            continue
        now = columns[decision.task][number]
        now = now if isinstance(now, str) else None
        if now == target:
            counts["there_already"] += 1
        elif (now or "") != decision.label:
            text = f"the label is {now or 'unknown'}, not {decision.label}; write the table anew: saggar data doubts"
            problems.append(FieldViolation(f"row {decision.row}, {LABEL}", text))
        else:
            columns[decision.task][number] = target if target is not None else np.nan
            counts["corrected" if target else "made_unknown"] += 1
    refuse(problems, f"{source}: nothing was corrected")
    labels = {LABEL_PREFIX + task: values for task, values in columns.items()}
    names = ("corrected", "made_unknown", "rejected", "open", "there_already")
    return Corrected(manifest.with_columns(**labels), **{name: counts[name] for name in names})


def _decided(decision: Decision, known: dict[str, dict[str, str]]) -> str | None:
    """The code that the row asks for; empty: unknown; None: the label stays. Raises ValueError."""
    plain = decision.decided.casefold()
    if not plain or plain in REJECTS:
        return None
    classes = known.get(decision.task, {})
    if plain in _UNKNOWN:
        return classes.get(plain_label(decision.decided), "")
    if plain in ACCEPTS:
        if not decision.proposed:
            raise ValueError("accepts, and nothing is proposed; write the class instead")
        return decision.proposed
    if (code := classes.get(plain_label(decision.decided))) is not None:
        return code
    near = difflib.get_close_matches(plain, ["accept", "reject", "unknown", *classes], n=1)
    hint = f"did you mean '{classes.get(near[0], near[0])}'?" if near else f"known: {', '.join(set(classes.values()))}"
    raise ValueError(f"'{decision.decided}' is neither accept, reject nor a class of {decision.task}; {hint}")
