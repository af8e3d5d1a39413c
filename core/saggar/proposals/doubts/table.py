"""Doubted labels as a table for people: a row per photograph and task, with a column `accept` to decide in."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saggar.files.tables.csv_text import data_cell
from saggar.files.wholefile import whole_file

DATASET, IMAGE, TASK, LABEL, PROPOSED, ACCEPT = "dataset", "image", "task", "label", "proposed", "accept"
COLUMNS = (
    *("photograph", "object_id", TASK, LABEL, "label_name", PROPOSED, "proposed_name", ACCEPT),
    *("probability_of_label", "probability_of_proposed", "reason", "nearly_the_same", "nearest"),
    *(IMAGE, DATASET),
)


@dataclass(frozen=True)
class Piece:
    """A photograph beside the doubted one. `similarity`: cosine of features, -1 to 1; None: nearly the same picture."""

    image: str  # key in the store
    source: str
    label: str  # code in the doubted task; empty where it is not known
    similarity: float | None = None


@dataclass(frozen=True)
class Doubt:
    """A label that may be wrong, and why."""

    image: str  # key in the store
    source: str  # as the import has named the photograph
    object_id: str
    task: str
    label: str  # code
    proposed: str  # code
    probability_of_label: float | None  # by a model that has not seen the object; None where none was asked
    probability_of_proposed: float | None
    by_model: bool  # a model that has not seen the object says another class
    twins: tuple[Piece, ...] = ()  # nearly the same picture, with another label
    nearest: tuple[Piece, ...] = ()  # of other objects, by a model that has not seen this one

    @property
    def reason(self) -> str:
        said = ["a model that has not seen it says otherwise"] if self.by_model else []
        said += ["nearly the same picture has another label"] if self.twins else []
        return "; ".join(said)


def write_doubts(path: Path, dataset: str, doubts: Sequence[Doubt], names: dict[tuple[str, str], str]) -> None:
    """The table at `path`, written whole, with a byte order mark, for spreadsheets. `names`: by task and code."""

    def line(doubt: Doubt) -> list[str]:
        task = doubt.task
        twins = "; ".join(f"{piece.source} ({piece.label or 'unknown'})" for piece in doubt.twins)
        nearest = "; ".join(
            f"{piece.source} ({piece.label or 'unknown'}, {piece.similarity or 0:.2f})" for piece in doubt.nearest
        )
        cells = (
            *(doubt.source, doubt.object_id, task, doubt.label, names.get((task, doubt.label), "")),
            *(doubt.proposed, names.get((task, doubt.proposed), ""), ""),
            *(_share(doubt.probability_of_label), _share(doubt.probability_of_proposed), doubt.reason),
            *(twins, nearest, doubt.image, dataset),
        )
        return [data_cell(cell) for cell in cells]

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(map(line, doubts))
    with whole_file(path) as file:
        file.write(text.getvalue().encode("utf-8-sig", "backslashreplace"))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
