"""Import photographs and their labels into the store: from a CSV, a catalogue, folders, LabelBee.

Everything is checked before the store has any of it: the table first, then every photograph, each read and
decoded once. Memory holds a line per photograph, never the photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from saggar.dataset.manifest import Manifest
from saggar.dataset.record import OBJECT_COLUMNS, Record
from saggar.duplicates.perceptual import look_alike
from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.parallel import in_threads
from saggar.files.text_encoding import recognised_as, telling_encoding
from saggar.importing import object_groups, other_taxonomies
from saggar.importing.photographs.cells import name_in_cell, unnamed, unnamed_notes
from saggar.importing.photographs.files import Photograph, inspect, small_copy
from saggar.importing.photographs.listing import image_files
from saggar.importing.photographs.locating import locate
from saggar.importing.report import (
    ImportReport,
    Note,
    Refusal,
    RowsRefusedError,
    listed,
    summed_up,
)
from saggar.importing.tables.catalogue_images import match_images, read_catalogue_table
from saggar.importing.tables.folder_table import read_folder_table
from saggar.importing.tables.label_rows import LabelledRow, checked_filter, checked_rows, object_column
from saggar.importing.tables.label_table import LabelTable, read_label_table
from saggar.importing.tables.labelbee import read_labelbee
from saggar.importing.tables.object_ids import settled
from saggar.importing.tables.swallowed_rows import swallowed_rows
from saggar.store.staging import Staging, staging
from saggar.taxonomy import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from saggar.store import ObjectStore

Progress = Callable[[str, int, int], object]  # stage, done, total

_THUMBNAILS = 1024  # kept while near-duplicates are compared; 12 KB each


def import_csv(
    images_root: Path,
    csv_path: Path,
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    image_column: str | None = None,
    encoding: str | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Checks every row and photograph, copies the photographs into `store`, and returns their manifest.

    The CSV has a column `image` (paths from `images_root`), one per task (blank: unknown), and perhaps
    `object_id` or `group` (without one, every photograph is an object of its own) and `licence`,
    `credit_line` and `object_url`. `where` keeps the rows whose label is among those given per task.
    `image_column` names another column than `image`, and its values may be inventory numbers that files are
    called by. See `match_images` and `import_table`.
    """
    root = _folder(images_root)

    def read(other: Taxonomy) -> LabelTable:
        return read_label_table(csv_path, other.task_names, image_column or "image", encoding)

    try:
        table = read(taxonomy)
        listing = image_files(root)
        place = table.columns["image"]
        notes = swallowed_rows(table.header.cells, table.rows, place, (table.delimiter,), listing.images)
        if image_column:
            with telling_encoding(table.guess):
                table, unmatched = match_images(table, root, listing)
            notes += unmatched
        else:
            names = (name_in_cell(root, row.cells[place]) for row in table.rows if place < len(row.cells))
            notes += unnamed_notes(unnamed(root, names, listing.images))
        return import_table(root, table, taxonomy, store, notes=notes, where=where, strict=strict, progress=progress)
    except InvalidInputError as error:
        raise other_taxonomies.hint(error, taxonomy, read) from None


def import_catalogue(
    images_root: Path,
    catalogue: Path,
    image_column: str | None,
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    encoding: str | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Photographs of a catalogue, with the labels that its text says.

    `image_column` has paths, or inventory numbers that files are called by (see `match_images`); None: the column
    whose cells or heading say that it names image files. The manifest has the tasks that the catalogue says
    something on. See `import_table`.
    """
    root = _folder(images_root)
    listing = image_files(root)
    table, notes = read_catalogue_table(catalogue, image_column, taxonomy, encoding, listing.images)
    with telling_encoding(table.guess):
        table, unmatched = match_images(table, root, listing)
    return import_table(
        root,
        table,
        _labelled_tasks(taxonomy, table),
        store,
        notes=[*notes, *unmatched],
        strict=strict,
        progress=progress,
    )


def import_folders(
    images_root: Path,
    layout: Sequence[str],
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Photographs whose folders are their labels: `layout` names a task per level of folders.

    Folders are called by code, name or variant of a class. The manifest has the tasks of the layout only.
    See `import_table`.
    """
    root = _folder(images_root)
    if twice := [task for task in layout if layout.count(task) > 1]:
        raise InvalidInputError(f"the layout has the task '{twice[0]}' twice; name one task for each level of folders")
    kept = taxonomy.narrowed(layout)

    def read(other: Taxonomy) -> tuple[LabelTable, list[Note]]:
        return read_folder_table(root, [other.task(name) for name in layout])

    try:
        table, notes = read(kept)
        return import_table(root, table, kept, store, notes=notes, strict=strict, progress=progress)
    except InvalidInputError as error:
        raise other_taxonomies.hint(error, kept, lambda other: read(other)[0]) from None


def import_labelbee(
    images_root: Path,
    export: Path,
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Photographs labelled with LabelBee's tag tool; `export` is its JSON, or a folder of one per image.

    The manifest has the tasks that the export knows. See `import_table`.
    """
    root = _folder(images_root)
    table, refused, notes = read_labelbee(export, root, taxonomy.tasks)
    kept = _labelled_tasks(taxonomy, table)
    return import_table(root, table, kept, store, refused=refused, notes=notes, strict=strict, progress=progress)


def _labelled_tasks(taxonomy: Taxonomy, table: LabelTable) -> Taxonomy:
    """`taxonomy` with the tasks that some row of `table` has a label of."""
    said = {
        name
        for name, column in table.columns.items()
        if any(column < len(row.cells) and row.cells[column] for row in table.rows)
    }
    return taxonomy.narrowed([name for name in taxonomy.task_names if name in said] or taxonomy.task_names)


def import_table(
    root: Path,
    table: LabelTable,
    taxonomy: Taxonomy,
    store: ObjectStore,
    *,
    refused: Sequence[Refusal] = (),
    notes: Sequence[Note] = (),
    where: Mapping[str, Sequence[str]] | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """The photographs that `table` names under `root` (resolved), with their labels.

    `refused` and `notes` are what the reader of the table had to say already.
    Files are stored as they are where every program shows them alike, else as upright sRGB. Calling again
    with the same files changes nothing. Equal images are merged and near-duplicates become one object. With
    `strict`, one bad row stops it before anything is written; otherwise bad rows are left out and reported.

    Raises NotFoundError for a missing file or folder, and InvalidInputError with one violation per problem
    (at most 50), each naming file, row, column and value; also when no task has a label. A task without any label
    leaves the data set; one of which a single class occurs stays, with a warning.
    """
    report = progress or (lambda stage, done, total: None)  # noqa: ARG005
    kept_classes = checked_filter(where or {}, taxonomy)
    checked, wrong, dropped = checked_rows(table, taxonomy, kept_classes)
    rows = [replace(row, file=name_in_cell(root, row.file)) for row in checked]
    ids = settled(rows, object_column(table) or OBJECT_COLUMNS[0])
    with staging(store) as staged, telling_encoding(table.guess):
        photographs, unreadable = _photographs(root, ids.rows, staged, report)
        items, merges, conflicting = object_groups.merged(photographs)
        found = [*refused, *wrong, *ids.refused, *unreadable, *conflicting]
        problems = sorted(found, key=lambda each: (each.row, each.file))
        if problems and (strict or not items):
            raise RowsRefusedError(table.source, problems, len(items))
        labelled = _labelled(table, taxonomy, [row.labels for row, _ in items], dropped, len(problems))
        object_ids, joins = _joined(items, report)
        manifest = Manifest.from_records(_records(items, object_ids, labelled), labelled)
        for done, _ in enumerate(staged.publish([photo.key for _, photo in items]), start=1):
            report("storing photographs", done, len(items))
    remarks = list(notes)
    remarks += [Note(row.number, row.file, "noted", text) for row, photo in items for text in photo.notes]
    warnings = [
        *_table_warnings(table),
        *_filter_warning(kept_classes, dropped),
        *ids.warnings,
        *_duplicate_warnings(merges, joins, object_ids),
        *summed_up(remarks),
        *_position_warning(items),
        *_task_warnings(manifest, taxonomy, kept_classes),
        *_class_warnings(manifest, taxonomy, kept_classes),
        *_object_warnings(manifest),
    ]
    return ImportReport(manifest, tuple(problems), tuple(warnings), dropped, (*ids.notes, *merges, *joins, *remarks))


def _folder(images_root: Path) -> Path:
    if not images_root.exists():
        raise NotFoundError(f"{images_root}: no such folder; check the path of the images", str(images_root))
    if not images_root.is_dir():
        raise InvalidInputError(f"{images_root}: is a file; name the folder that the images are in")
    return images_root.resolve()


def _photographs(
    root: Path, rows: list[LabelledRow], staged: Staging, report: Progress
) -> tuple[list[object_groups.Item], list[Refusal]]:
    """Every row with its photograph; a file that several rows name is read once."""
    files = list(dict.fromkeys(row.file for row in rows))

    def examine(file: str) -> Photograph | str:
        try:
            return inspect(locate(root, file), file, staged.put_image)
        except InvalidInputError as error:
            return str(error)

    examined: dict[str, Photograph | str] = {}
    for file, result in zip(files, in_threads(examine, files), strict=True):
        examined[file] = result
        report("checking photographs", len(examined), len(files))
    good: list[object_groups.Item] = []
    refused: list[Refusal] = []
    for row in rows:
        result = examined[row.file]
        if isinstance(result, Photograph):
            good.append((row, result))
        else:
            reason = result.removeprefix(f"{row.file}: ")
            refused.append(Refusal(row.number, row.file, reason, "image" if row.number else ""))
    return good, refused


def _joined(items: list[object_groups.Item], report: Progress) -> tuple[list[str], list[Note]]:
    """An object id per item, near-duplicates joined; doubtful pairs are read again and compared."""
    report("looking for near-duplicates", 0, len(items))

    @lru_cache(maxsize=_THUMBNAILS)
    def small(position: int) -> npt.NDArray[np.float32]:
        row, photograph = items[position]
        return small_copy(photograph, row.file)

    found = object_groups.joined(items, lambda a, b: look_alike(small(a), small(b)))
    report("looking for near-duplicates", len(items), len(items))
    return found


def _labelled(
    table: LabelTable,
    taxonomy: Taxonomy,
    labels: list[dict[str, str | None]],
    dropped: int,
    refused: int,
) -> tuple[str, ...]:
    """The tasks that some row has a label of. Raises InvalidInputError where no row or no label is left."""
    left_out = f"; the filter dropped {dropped:,} rows" if dropped else ""
    left_out += f"; {refused:,} problems were found in others" if refused else ""
    if not labels:
        raise InvalidInputError(f"{table.source}: no row to import{left_out}; add a row per photograph")
    found = tuple(name for name in taxonomy.task_names if any(row[name] is not None for row in labels))
    if not found:
        tasks = ", ".join(taxonomy.task_names)
        raise InvalidInputError(f"{table.source}: no row has a label of {tasks}{left_out}; label the photographs")
    return found


def _records(items: list[object_groups.Item], object_ids: list[str], tasks: Sequence[str]) -> Iterator[Record]:
    for (row, photograph), object_id in zip(items, object_ids, strict=True):
        yield Record(
            image=photograph.key,
            object_id=object_id,
            labels={task: row.labels[task] for task in tasks},
            width_px=photograph.width_px,
            height_px=photograph.height_px,
            source=row.file,
            phash=photograph.phash,
            licence=row.provenance.get("licence"),
            credit_line=row.provenance.get("credit_line"),
            object_url=row.provenance.get("object_url"),
        )


def _table_warnings(table: LabelTable) -> Iterator[str]:
    if told := recognised_as(table.guess):
        yield f"{table.source}: {told}"
    if table.ignored:
        yield f"{table.source}: columns or tags that are not used: {listed(table.ignored, 20)}"


def _filter_warning(where: dict[str, frozenset[str]], dropped: int) -> Iterator[str]:
    if dropped:
        rules = "; ".join(f"{name} in {', '.join(sorted(codes))}" for name, codes in where.items())
        yield f"{_counted(dropped, 'row')} left out by the filter ({rules})"


def _duplicate_warnings(merges: list[Note], joins: list[Note], object_ids: list[str]) -> Iterator[str]:
    if merges:
        yield f"{_counted(len(merges), 'row')} merged: {_examples(merges)}"
    if joins:
        yield f"{_counted(len(joins), 'near-duplicate')} joined: {_examples(joins)}"
    if large := object_groups.large_objects(object_ids, joins):
        yield f"objects of many photographs; were they joined by mistake? {listed(large)}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _examples(notes: list[Note]) -> str:
    return listed(f"{f'row {note.row} ({note.file})' if note.row else note.file}: {note.text}" for note in notes)


def _position_warning(items: list[object_groups.Item]) -> Iterator[str]:
    if files := [row.file for row, photograph in items if photograph.has_position]:
        yield (
            f"{_counted(len(files), 'photograph')} with GPS in EXIF, which says where it was taken; the store keeps "
            f"files as they are: {listed(files)}; remove it before you share the store or an export"
        )


def _task_warnings(manifest: Manifest, taxonomy: Taxonomy, where: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for name in taxonomy.task_names:
        if name not in manifest.tasks:
            yield f"{name}: no row has a label, so the data set leaves this task out"
        elif len(counts := manifest.counts(name)) == 1 and name not in where:
            others = [task for task in manifest.tasks if len(manifest.counts(task)) > 1]
            remedy = f"an experiment leaves it out with `tasks: [{', '.join(others)}]`" if others else _NO_TASK
            yield f"{name}: only '{next(iter(counts))}' occurs, and there is nothing to tell apart: {remedy}"


_NO_TASK = "an experiment needs photographs of more classes"


def _class_warnings(manifest: Manifest, taxonomy: Taxonomy, where: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for task in taxonomy.tasks:
        counts = manifest.counts(task.name) if task.name in manifest.tasks else {}
        wanted = [code for code in task.codes if code in where.get(task.name, task.codes)]
        if len(counts) > 1 and (absent := [code for code in wanted if code not in counts]):
            yield f"{task.name}: classes without a photograph: {', '.join(absent)}; they cannot be learnt"


def _object_warnings(manifest: Manifest) -> Iterator[str]:
    by_object = manifest.frame.groupby("object_id", sort=True)
    for task in manifest.tasks:
        several = by_object[f"label_{task}"].nunique()
        objects = [str(name) for name in several.index[several > 1]]
        if objects:
            yield f"{task}: objects whose photographs have different labels: {listed(objects)}"
