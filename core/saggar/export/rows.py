"""What leaves the store: a file name, plain columns and checked bytes per image, one image at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from saggar.dataset.manifest import LABEL_PREFIX, Manifest
from saggar.dataset.record import PROVENANCE, Record
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.store import ObjectStore

FILE_NAME = "file_name"
SYNTHETIC = "synthetic"  # the column, and how names of synthetic files begin: names outlive tables
_PLAIN = ("object_id", "split", "origin", "width_px", "height_px", "source", "caption", *PROVENANCE)
COLUMNS = (FILE_NAME, *_PLAIN, SYNTHETIC, "sha256")
_TAKEN = (*COLUMNS, "image")  # what readers call the picture itself


@dataclass(frozen=True)
class Row:
    """An image that is exported; `file_name` is its own among all."""

    file_name: str
    sha256: str
    record: Record


def exported(manifest: Manifest) -> Manifest:
    """The rows that have pixels of their own: augmented ones are a photograph and a seed, and stay.

    Raises InvalidInputError when nothing is left.
    """
    kept = manifest.select(origin=("real", "synthetic"))
    if not len(kept):
        raise InvalidInputError("the data set has no photographs and no synthetic images to export")
    return kept


def rows(manifest: Manifest) -> Iterator[Row]:
    """`manifest` row by row. A file is called by its checksum; one that appears twice gets a number."""
    used: dict[str, int] = {}
    for record in manifest.records():
        path = PurePosixPath(record.image)
        prefix = f"{SYNTHETIC}-" if record.origin == "synthetic" else ""
        stem = f"{prefix}{path.stem[:16]}"
        used[stem] = used.get(stem, 0) + 1
        again = f"-{used[stem]}" if used[stem] > 1 else ""
        yield Row(f"{stem}{again}{path.suffix}", path.stem, record)


def read(store: ObjectStore, row: Row) -> bytes:
    """The image's bytes, as the store was given them. DataCorruptionError when they have changed."""
    data = store.get(row.record.image)
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise DataCorruptionError(
            f"{row.record.image}: does not match the checksum in its name; import the data set again"
        )
    return data


def label_columns(tasks: tuple[str, ...]) -> dict[str, str]:
    """Columns of the labels by task: the task's name, or `label_<task>` where that is taken."""
    return {task: f"{LABEL_PREFIX}{task}" if task in _TAKEN else task for task in tasks}


def values(row: Row, tasks: tuple[str, ...]) -> dict[str, Any]:
    """The columns of one row: text, '' where nothing is known; whole numbers; true or false."""
    record = row.record
    found: dict[str, Any] = {FILE_NAME: row.file_name}
    found |= {column: record.labels[task] or "" for task, column in label_columns(tasks).items()}
    found |= {name: "" if (value := getattr(record, name)) is None else value for name in _PLAIN}
    return found | {SYNTHETIC: record.origin == "synthetic", "sha256": row.sha256}
