"""Import a folder of photographs and a CSV of labels into the store.

Everything is checked before anything is written: the CSV first, then every photograph is read and decoded
once. Memory holds a line per photograph, never the photographs.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from saggar.dataset.label_table import DELIMITERS, OBJECT_COLUMNS, LabelTable, Row, read_label_table
from saggar.dataset.manifest import Manifest
from saggar.dataset.photographs import Photograph, inspect, locate, read
from saggar.dataset.record import Record
from saggar.errors import FieldViolation, InvalidInputError, NotFoundError
from saggar.taxonomy import Task, Taxonomy

if TYPE_CHECKING:
    from saggar.store import ObjectStore

Progress = Callable[[str, int, int], object]  # stage, done, total

_SHOWN = 50  # problems in an error
_EXAMPLES = 5  # rows in a warning
_WINDOW = 1024  # photographs that threads work ahead

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be imported: `row` as in a spreadsheet, the `file` it names, `column` at fault."""

    row: int
    file: str
    reason: str
    column: str = ""

    def __str__(self) -> str:
        place = f"row {self.row}" + (f", column {self.column}" if self.column else "")
        return f"{place}: {self.reason}"


@dataclass(frozen=True)
class ImportReport:
    """`refused` is empty unless the import was not strict; `dropped` rows did not pass the filter."""

    manifest: Manifest
    refused: tuple[Refusal, ...]
    warnings: tuple[str, ...]
    dropped: int = 0


@dataclass(frozen=True)
class _Labelled:
    """A row whose cells are in order."""

    number: int
    file: str
    object_id: str
    labels: dict[str, str | None]


def import_csv(
    images_root: Path,
    csv_path: Path,
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    where: Mapping[str, Sequence[str]] | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Checks every row and photograph, copies the photographs into `store`, and returns their manifest.

    The CSV has a column `image` (paths from `images_root`), one per task (blank: unknown), and perhaps
    `object_id` or `group`; without one, every photograph is an object of its own. `where` keeps the rows
    whose label is among those given per task. Bytes are stored as they are. Calling again with the same files
    changes nothing. With `strict`, one bad row stops it before anything is written; otherwise bad rows are
    left out.

    Raises NotFoundError for a missing file or folder, and InvalidInputError with one violation per problem
    (at most 50), each naming file, row, column and value; also when a task has fewer than two classes.
    """
    report = progress or (lambda stage, done, total: None)  # noqa: ARG005
    root = _folder(images_root)
    table = read_label_table(csv_path, taxonomy.task_names)
    kept_classes = _filter(where or {}, taxonomy)
    refused: list[Refusal] = []
    labelled, dropped = _labelled(table, taxonomy, kept_classes, refused)
    photographs = _photographs(root, labelled, refused, report)
    kept, merged = _merged(photographs, refused)
    refused.sort(key=lambda refusal: refusal.row)
    if refused and strict:
        raise _stopped(table.source, refused)
    _refuse_empty(table, taxonomy, [row.labels for row, _ in kept], dropped)
    stored = _stored(store, kept, report)
    manifest = Manifest.from_records(stored, taxonomy.task_names)
    warnings = [
        *_table_warnings(table),
        *_filter_warning(kept_classes, dropped),
        *merged,
        *_file_warnings(kept),
        *_class_warnings(manifest, taxonomy),
        *_object_warnings(manifest),
    ]
    return ImportReport(manifest, tuple(refused), tuple(warnings), dropped)


def _folder(images_root: Path) -> Path:
    if not images_root.exists():
        raise NotFoundError(f"{images_root}: no such folder; check the path of the images", str(images_root))
    if not images_root.is_dir():
        raise InvalidInputError(f"{images_root}: is a file; name the folder that the images are in")
    return images_root.resolve()


def _filter(where: Mapping[str, Sequence[str]], taxonomy: Taxonomy) -> dict[str, frozenset[str]]:
    for name, codes in where.items():
        task = taxonomy.task(name)
        if isinstance(codes, str) or not codes:
            raise InvalidInputError(f"where: {name} needs a list of classes, e.g. [{task.codes[0]}]")
        for code in codes:
            if code not in task.codes:
                raise InvalidInputError(f"where: {_unknown_class(task, code)}")
    return {name: frozenset(codes) for name, codes in where.items()}


def _labelled(
    table: LabelTable, taxonomy: Taxonomy, where: dict[str, frozenset[str]], refused: list[Refusal]
) -> tuple[list[_Labelled], int]:
    """Rows whose cells are in order and which pass the filter, and how many did not pass it."""
    headings = tuple(cell.strip().casefold() for cell in table.header.cells)
    object_column = next((name for name in OBJECT_COLUMNS if name in table.columns), None)
    known = {task.name: frozenset(task.codes) for task in taxonomy.tasks}
    found: list[_Labelled] = []
    dropped = 0
    for row in table.rows:
        if problem := _shape_problem(row, table, headings):
            refused.append(problem)
            continue
        file = row.cells[table.columns["image"]].strip()
        labels = {name: row.cells[table.columns[name]].strip() or None for name in taxonomy.task_names}
        bad = [(name, code) for name, code in labels.items() if code is not None and code not in known[name]]
        refused += [
            Refusal(row.number, file, f"{file}: {_unknown_class(taxonomy.task(name), code)}", name)
            for name, code in bad
        ]
        if bad:
            continue
        if any(labels[name] not in codes for name, codes in where.items()):
            dropped += 1
        elif not file:
            reason = "names no file; write the photograph's path, or remove the row"
            refused.append(Refusal(row.number, "", reason, "image"))
        else:
            object_id = row.cells[table.columns[object_column]].strip() if object_column else ""
            found.append(_Labelled(row.number, file, object_id, labels))
    return found, dropped


def _shape_problem(row: Row, table: LabelTable, headings: tuple[str, ...]) -> Refusal | None:
    place = table.columns["image"]
    file = row.cells[place].strip() if place < len(row.cells) else ""
    if tuple(cell.strip().casefold() for cell in row.cells) == headings:
        return Refusal(row.number, "", "repeats the header; remove the row")
    surplus = [cell for cell in row.cells[table.width :] if cell.strip()]
    if len(row.cells) < table.width or surplus:
        return Refusal(
            row.number,
            file,
            f"has {len(row.cells)} cells where the header has {table.width}; a value that holds a "
            f"{DELIMITERS[table.delimiter]} must stand in quotation marks, an unknown label is an empty cell",
        )
    return None


def _unknown_class(task: Task, code: str) -> str:
    """Names the class meant, by code, name or variant, or else all classes."""
    spellings: dict[str, str] = {}
    for each in task.classes:
        names = (each.names.en, each.names.zh_hans, each.names.zh_hant, *each.variants, each.phrase)
        spellings |= {name.casefold(): each.code for name in names if name}
    spellings |= {code.casefold(): code for code in task.codes}  # last: a code outranks a name
    plain = code.casefold()
    close = [plain] if plain in spellings else difflib.get_close_matches(plain, list(spellings), n=1)
    if close:
        return f"'{code}' is not a class of {task.name}; did you mean '{spellings[close[0]]}'?"
    return f"'{code}' is not a class of {task.name}; known: {', '.join(task.codes)}; blank for unknown"


def _photographs(
    root: Path, rows: list[_Labelled], refused: list[Refusal], report: Progress
) -> list[tuple[_Labelled, Photograph]]:
    """Every row with its photograph; a file that several rows name is read once."""
    files = list(dict.fromkeys(row.file for row in rows))

    def examine(file: str) -> Photograph | str:
        try:
            return inspect(locate(root, file), file)
        except InvalidInputError as error:
            return str(error)

    examined: dict[str, Photograph | str] = {}
    for file, result in zip(files, _in_threads(examine, files), strict=True):
        examined[file] = result
        report("checking photographs", len(examined), len(files))
    good: list[tuple[_Labelled, Photograph]] = []
    for row in rows:
        result = examined[row.file]
        if isinstance(result, Photograph):
            good.append((row, result))
        else:
            refused.append(Refusal(row.number, row.file, result, "image"))
    return good


def _merged(
    photographs: list[tuple[_Labelled, Photograph]], refused: list[Refusal]
) -> tuple[list[tuple[_Labelled, Photograph]], list[str]]:
    """One row per image (equal bytes are one image), and warnings on those that were merged."""
    first: dict[str, _Labelled] = {}
    kept: list[tuple[_Labelled, Photograph]] = []
    repeated: list[str] = []
    objects: list[str] = []
    for row, photograph in photographs:
        earlier = first.setdefault(photograph.sha256, row)
        if earlier is row:
            kept.append((row, photograph))
            continue
        same = f"row {earlier.number}" + (f" ({earlier.file})" if earlier.file != row.file else "")
        differing = [name for name, code in row.labels.items() if code != earlier.labels[name]]
        if differing:
            labels = " and ".join(
                f"{name} is {_quoted(earlier.labels[name])} there and {_quoted(row.labels[name])} here"
                for name in differing
            )
            reason = f"{row.file}: the same image as {same}, with other labels: {labels}; keep one row"
            refused.append(Refusal(row.number, row.file, reason, ", ".join(differing)))
            continue
        repeated.append(f"{row.number} as {same}")
        if row.object_id != earlier.object_id:
            ids = f"{_quoted(row.object_id)}, not {_quoted(earlier.object_id)}"
            objects.append(f"{row.number} as {same} ({ids})")
    warnings = []
    if repeated:
        warnings.append(f"rows with an image that another row has, same labels, merged: {_some(repeated)}")
    if objects:
        warnings.append(f"merged rows had different object ids; the first was kept: {_some(objects)}")
    return kept, warnings


def _stopped(source: str, refused: list[Refusal]) -> InvalidInputError:
    shown = refused[:_SHOWN]
    lines = [f"  {refusal}" for refusal in shown]
    if len(refused) > len(shown):
        lines.append(f"  and {len(refused) - len(shown):,} more")
    count = "1 problem" if len(refused) == 1 else f"{len(refused):,} problems"
    violations = tuple(
        FieldViolation(f"row {r.row}" + (f", column {r.column}" if r.column else ""), r.reason) for r in shown
    )
    return InvalidInputError(f"{source}: {count}; nothing was imported:\n" + "\n".join(lines), violations)


def _refuse_empty(
    table: LabelTable, taxonomy: Taxonomy, labels: list[dict[str, str | None]], dropped: int
) -> None:
    filtered = f"; the filter dropped {dropped:,} rows" if dropped else ""
    if not labels:
        raise InvalidInputError(f"{table.source}: no row to import{filtered}; add a row per photograph")
    problems = []
    for task in taxonomy.tasks:
        present = sorted({code for row in labels if (code := row[task.name]) is not None})
        if len(present) < 2:
            has = f"only '{present[0]}' occurs" if present else "no row has a label"
            reason = f"column {task.name}: {has}{filtered}, and a task needs two classes"
            problems.append(FieldViolation(task.name, reason))
    if problems:
        lines = "\n".join(f"  {problem.description}" for problem in problems)
        raise InvalidInputError(
            f"{table.source}: nothing was imported:\n{lines}\n"
            "Label more photographs, or use a taxonomy without that task.",
            tuple(problems),
        )


def _stored(
    store: ObjectStore, kept: list[tuple[_Labelled, Photograph]], report: Progress
) -> Iterator[Record]:
    from saggar.store import put_image

    def put(item: tuple[_Labelled, Photograph]) -> str:
        row, photograph = item
        reference = put_image(store, read(photograph.path, row.file), photograph.extension)
        if reference.sha256 != photograph.sha256:
            raise InvalidInputError(f"{row.file}: changed while it was being imported; import again")
        return reference.key

    for done, (key, (row, photograph)) in enumerate(zip(_in_threads(put, kept), kept, strict=True), start=1):
        report("storing photographs", done, len(kept))
        yield Record(
            image=key,
            object_id=row.object_id or photograph.sha256,
            labels=row.labels,
            width_px=photograph.width_px,
            height_px=photograph.height_px,
            source=row.file,
        )


def _in_threads(work: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> Iterator[ResultT]:
    """`work` of every item, in order; decoding and file reading run outside Python's lock."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            for start in range(0, len(items), _WINDOW):
                yield from pool.map(work, items[start : start + _WINDOW])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _table_warnings(table: LabelTable) -> Iterator[str]:
    if table.encoding == "gb18030":
        yield f"{table.source}: not UTF-8; read as GB18030. If Chinese text looks wrong, save it as UTF-8"
    if table.ignored:
        yield f"{table.source}: columns that are not used: {_some(table.ignored, 20)}"


def _filter_warning(where: dict[str, frozenset[str]], dropped: int) -> Iterator[str]:
    if dropped:
        rules = "; ".join(f"{name} in {', '.join(sorted(codes))}" for name, codes in where.items())
        yield f"{dropped:,} rows left out by the filter ({rules})"


def _file_warnings(kept: list[tuple[_Labelled, Photograph]]) -> Iterator[str]:
    misnamed = [f"{row.file} (is {photo.extension})" for row, photo in kept if photo.misnamed]
    if misnamed:
        yield f"files whose name has another extension than their content: {_some(misnamed)}"


def _class_warnings(manifest: Manifest, taxonomy: Taxonomy) -> Iterator[str]:
    for task in taxonomy.tasks:
        counts = manifest.counts(task.name)
        if absent := [code for code in task.codes if code not in counts]:
            yield f"{task.name}: classes without a photograph: {', '.join(absent)}; they cannot be learnt"


def _object_warnings(manifest: Manifest) -> Iterator[str]:
    by_object = manifest.frame.groupby("object_id", sort=True)
    for task in manifest.tasks:
        several = by_object[f"label_{task}"].nunique()
        objects = [str(name) for name in several.index[several > 1]]
        if objects:
            yield f"{task}: objects whose photographs have different labels: {_some(objects)}"


def _some(things: Iterable[str], most: int = _EXAMPLES) -> str:
    listed = list(things)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def _quoted(value: str | None) -> str:
    return f"'{value}'" if value else "blank"
