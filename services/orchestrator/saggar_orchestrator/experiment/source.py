"""Where the photographs come from, as a fingerprint that changes when they do."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from saggar.errors import NotFoundError
from saggar.store import ObjectStore
from saggar.stored_datasets import manifest_key

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment

_REMEDY = "check the path (relative paths start from the experiment file's folder)"


def fingerprint(experiment: Experiment, store: ObjectStore) -> dict[str, Any]:
    """What the import step depends on, without reading the photographs.

    A data set of the store: its id. kilnsim: its arguments and the renderer's version. A folder: the CSV's
    content, and name, size and time of change of every file. Raises NotFoundError for a missing data set,
    folder or CSV.
    """
    data = experiment.data
    if data.dataset is not None:
        if not store.exists(manifest_key(data.dataset)):
            raise NotFoundError(
                f"data.dataset: no data set {data.dataset} in the store; `saggar data import` prints an id",
                data.dataset,
            )
        return {"kind": "dataset", "dataset": data.dataset}
    if data.kilnsim is not None:
        from saggar.kilnsim import RENDERER

        return {"kind": "kilnsim", "renderer": RENDERER, **data.kilnsim.model_dump()}
    images, labels = Path(data.images or ""), Path(data.labels or "")
    if not images.is_dir():
        raise NotFoundError(f"data.images: there is no folder {images}; {_REMEDY}", str(images))
    if not labels.is_file():
        raise NotFoundError(f"data.labels: there is no file {labels}; {_REMEDY}", str(labels))
    files = [
        (path.relative_to(images).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(images.rglob("*"))
        if path.is_file()
    ]
    return {
        "kind": "folder",
        "labels_sha256": hashlib.sha256(labels.read_bytes()).hexdigest(),
        "files": len(files),
        "files_digest": digest(files),
    }
