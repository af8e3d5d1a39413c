"""What an import says: rows that were refused, and everything worth knowing about those that were not."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from saggar.errors import FieldViolation, InvalidInputError
from saggar.files.tables.csv_text import spreadsheet_cell

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest
    from saggar.store import ObjectRef, ObjectStore

_SHOWN = 50  # problems in an error
_EXAMPLES = 5  # rows in a warning
_LONGEST = 200  # characters of a name in an error
_ROWS = 3  # of one problem that are named

# merged: left out, another row has the image; skipped: left out for another reason that is no fault;
# joined: made one object with another; noted: imported, and something is odd
NoteKind = Literal["merged", "skipped", "joined", "noted"]


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be imported: `row` as in a spreadsheet (0: there is no table), the `file` it names,
    `column` at fault.
    """

    row: int
    file: str
    reason: str
    column: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, _abbreviated(self.file), self.reason) if part)

    @property
    def place(self) -> str:
        row = f"row {self.row}" if self.row else ""
        return ", ".join(part for part in (row, f"column {self.column}" if self.column else "") if part)


def _abbreviated(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"


@dataclass(frozen=True)
class Note:
    """Something about a row that is no reason to refuse it."""

    row: int
    file: str
    kind: NoteKind
    text: str


@dataclass(frozen=True)
class ImportReport:
    """`refused` is empty unless the import was to keep going; `dropped` rows did not pass the filter."""

    manifest: Manifest
    refused: tuple[Refusal, ...]
    warnings: tuple[str, ...]
    dropped: int = 0
    notes: tuple[Note, ...] = ()

    def to_csv(self) -> bytes:
        """One line per refusal and note, in the order of rows: outcome, row, file, column, reason."""
        return report_csv(self.refused, self.notes)


class RowsRefusedError(InvalidInputError):
    """Some rows cannot be imported, so none was; `importable` others could be."""

    def __init__(self, source: str, refused: Iterable[Refusal], importable: int, remark: str = "") -> None:
        self.source = source
        self.refused = tuple(refused)
        self.importable = importable
        self.remark = remark
        groups = alike(self.refused)
        lines = [f"  {one_line(group)}" for group in groups[:_SHOWN]]
        if left := sum(len(group) for group in groups[_SHOWN:]):
            lines.append(f"  and {left:,} more")
        count = "1 problem" if len(self.refused) == 1 else f"{len(self.refused):,} problems"
        super().__init__(
            f"{source}: {count}; nothing was imported:\n" + "\n".join(lines) + remark,
            tuple(FieldViolation(group[0].place or group[0].file, _counted(group)) for group in groups[:_SHOWN]),
        )

    def with_remark(self, text: str) -> RowsRefusedError:
        return RowsRefusedError(self.source, self.refused, self.importable, f"{self.remark}{text}")


def alike(refused: Iterable[Refusal]) -> list[list[Refusal]]:
    """Refusals for one reason together, in the order of their first rows: one wrong label on 29 rows is one problem."""
    groups: dict[tuple[str, str], list[Refusal]] = defaultdict(list)
    for each in refused:
        groups[each.column, each.reason].append(each)
    return list(groups.values())


def one_line(group: Sequence[Refusal]) -> str:
    """A line for refusals of one reason: where, and how many."""
    first = group[0]
    if len(group) == 1:
        return str(first)
    rows = f"rows {listed((str(each.row) for each in group), _ROWS)}" if first.row else ""
    place = ", ".join(part for part in (rows, f"column {first.column}" if first.column else "") if part)
    names = list(dict.fromkeys(each.file for each in group if each.file))
    files = listed(names, _ROWS) if first.column == "image" or not first.row else ""
    return ": ".join(part for part in (place, files, _counted(group)) if part)


def _counted(group: Sequence[Refusal]) -> str:
    return group[0].reason if len(group) == 1 else f"{group[0].reason} ({len(group):,} times)"


def report_csv(refused: Iterable[Refusal], notes: Iterable[Note] = ()) -> bytes:
    """Refusals and notes as a CSV that spreadsheets read (UTF-8 with a byte order mark)."""
    lines = [("refused", each.row, each.file, each.column, each.reason) for each in refused]
    lines += [(each.kind, each.row, each.file, "", each.text) for each in notes]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("outcome", "row", "file", "column", "reason"))
    for outcome, row, file, column, reason in sorted(lines, key=lambda line: (line[1], line[2], line[0])):
        writer.writerow((outcome, row or "", _cell(file), column, _cell(reason)))
    return out.getvalue().encode("utf-8-sig")


def write_report(store: ObjectStore, manifest: ObjectRef, report: ImportReport) -> ObjectRef | None:
    """Keeps the report beside the manifest, under the hash of its content; None where it would be empty."""
    if not report.refused and not report.notes:
        return None
    data = report.to_csv()
    folder = manifest.key.rpartition("/")[0]
    key = f"{folder}/import-{hashlib.sha256(data).hexdigest()[:8]}.csv"
    return store.put(key, data, "text/csv; charset=utf-8")


def summed_up(notes: Iterable[Note]) -> Iterator[str]:
    """A line per kind of remark, with the first photographs that it is about."""
    files: dict[str, list[str]] = defaultdict(list)
    for note in notes:
        if note.kind in {"noted", "skipped"}:
            files[note.text].append(note.file or f"row {note.row}")
    for text, names in files.items():
        yield f"{text}: {listed(names)}"


def listed(things: Iterable[str], most: int = _EXAMPLES) -> str:
    all_of_them = list(things)
    more = f" and {len(all_of_them) - most:,} more" if len(all_of_them) > most else ""
    return ", ".join(all_of_them[:most]) + more


def quoted(value: str | None) -> str:
    return f"'{value}'" if value else "blank"


def _cell(text: str) -> str:
    return spreadsheet_cell(text).replace("\n", "\\n").replace("\t", "\\t")
