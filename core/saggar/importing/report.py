"""What an import says: rows that were refused, and everything worth knowing about those that were not."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from saggar.errors import FieldViolation, InvalidInputError

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest
    from saggar.store import ObjectRef, ObjectStore

_SHOWN = 50  # problems in an error
_EXAMPLES = 5  # rows in a warning

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
        return ": ".join(part for part in (self.place, self.reason) if part)

    @property
    def place(self) -> str:
        row = f"row {self.row}" if self.row else ""
        return ", ".join(part for part in (row, f"column {self.column}" if self.column else "") if part)


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

    def __init__(self, source: str, refused: Iterable[Refusal], importable: int) -> None:
        self.refused = tuple(refused)
        self.importable = importable
        shown = self.refused[:_SHOWN]
        lines = [f"  {refusal}" for refusal in shown]
        if len(self.refused) > len(shown):
            lines.append(f"  and {len(self.refused) - len(shown):,} more")
        count = "1 problem" if len(self.refused) == 1 else f"{len(self.refused):,} problems"
        super().__init__(
            f"{source}: {count}; nothing was imported:\n" + "\n".join(lines),
            tuple(FieldViolation(refusal.place or refusal.file, refusal.reason) for refusal in shown),
        )


def report_csv(refused: Iterable[Refusal], notes: Iterable[Note] = ()) -> bytes:
    """Refusals and notes as a CSV that spreadsheets read (UTF-8 with a byte order mark)."""
    lines = [("refused", each.row, each.file, each.column, each.reason) for each in refused]
    lines += [(each.kind, each.row, each.file, "", each.text) for each in notes]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("outcome", "row", "file", "column", "reason"))
    for outcome, row, file, column, reason in sorted(lines, key=lambda line: (line[1], line[2], line[0])):
        writer.writerow((outcome, row or "", _printable(file), column, _printable(reason)))
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
        yield f"{text}: {some(names)}"


def some(things: Iterable[str], most: int = _EXAMPLES) -> str:
    listed = list(things)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def quoted(value: str | None) -> str:
    return f"'{value}'" if value else "blank"


def _printable(text: str) -> str:
    """`text` as one harmless cell: no control characters, and no formula for a spreadsheet to run."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@")) else plain
