"""Export a data set into a new folder: all of it or nothing."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from saggar.dataset.manifest import Manifest
from saggar.errors import AlreadyExistsError
from saggar.export.about import About
from saggar.export.croissant import write_croissant
from saggar.export.datasheet import datasheet
from saggar.export.imagefolder import write_imagefolder
from saggar.files.wholefile import unwritable, write_whole
from saggar.store import ObjectStore

Format = Literal["croissant", "imagefolder", "datasheet"]
Progress = Callable[[int, int], object]


def export(
    manifest: Manifest,
    store: ObjectStore,
    about: About,
    kind: Format,
    output: Path,
    *,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Writes `manifest` in the form `kind` into the folder `output`, which appears when it is complete.

    Returns what people should fix before they publish it. Raises AlreadyExistsError when `output` exists and
    is not empty, InvalidInputError when there is nothing to export or it cannot be written, StorageFullError,
    and DataCorruptionError for a damaged image.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise AlreadyExistsError(f"{output}: exists; name another folder, or remove this one")
    tell = progress or (lambda done, total: None)  # noqa: ARG005
    unfinished = output.absolute().with_name(f".{output.name}.{secrets.token_hex(6)}")
    try:
        unfinished.mkdir(parents=True)
        remarks: tuple[str, ...] = ()
        if kind == "croissant":
            remarks = write_croissant(manifest, store, about, unfinished, tell)
        elif kind == "imagefolder":
            remarks = write_imagefolder(manifest, store, about, unfinished, tell)
        else:
            write_whole(unfinished / "datasheet.md", datasheet(manifest, about).encode())
        os.rename(unfinished, output)  # noqa: PTH104 an empty folder is replaced
    except OSError as error:
        raise unwritable(output, error) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return remarks
