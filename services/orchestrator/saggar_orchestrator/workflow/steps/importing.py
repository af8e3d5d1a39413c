"""Photographs: read from a data set of the store, from a folder with a CSV, or drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from saggar.dataset.leakage import near_any
from saggar.dataset.manifest import Manifest, validate
from saggar.errors import InvalidInputError
from saggar.importing.intake import import_csv
from saggar.progress import Progress, Report
from saggar.store import ObjectStore
from saggar.stored_datasets import manifest_key, read_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.sections import Data, Kilnsim
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.run import Specification
from saggar_orchestrator.workflow.steps.manifests import kept


def import_photographs(store: ObjectStore, specification: Specification, collections: Path, report: Report) -> Result:
    """The photographs in the store. `collections` is where drawn ones are kept."""
    data, asked = specification.experiment.data, specification.taxonomy
    warnings: tuple[str, ...] = ()
    if data.dataset is not None:
        found = read_manifest(store, store.stat(manifest_key(data.dataset)))
        name = f"data set {data.dataset}"
    else:
        if data.kilnsim is not None:
            folder, labels = _drawn(data, asked, collections, report)
        else:
            folder, labels = Path(data.images or ""), Path(data.labels or "")
        report(Progress("checking and storing photographs"))
        imported = import_csv(
            folder,
            labels,
            asked,  # with the classes that data.where leaves out: rows of these are no errors
            store,
            where=data.where or None,
            progress=lambda stage, done, total: report(Progress(stage, done, total, "photographs")),
        )
        found, name, warnings = imported.manifest, labels.name, tuple(imported.warnings)
    manifest = _fitting(found, name, specification)
    result: Result = {
        "manifest": kept(store, manifest),
        "source": specification.source,
        "images": len(manifest),
        "warnings": list(warnings),
    }
    if data.kilnsim is not None and data.kilnsim.fresh_test:
        fresh = _fresh(store, specification, manifest, collections, report)
        result |= {"fresh": kept(store, fresh), "fresh_images": len(fresh)}
    return result


def _drawn(data: Data, taxonomy: Taxonomy, collections: Path, report: Report) -> tuple[Path, Path]:
    from saggar.kilnsim import classes_of, write_collection

    assert data.kilnsim is not None  # noqa: S101 the caller has looked
    sim, classes = data.kilnsim, classes_of(taxonomy)
    report(Progress("drawing photographs", 0, sim.count, "objects"))
    folder = collections / _folder("kilnsim", taxonomy, sim.count, sim)
    return folder, write_collection(folder, sim.count, sim.seed, sim.size_px, classes)


def _fresh(
    store: ObjectStore, specification: Specification, collection: Manifest, collections: Path, report: Report
) -> Manifest:
    """Pieces drawn for the test split alone, without those that nearly repeat a picture of the collection."""
    from saggar.kilnsim import classes_of, write_balanced

    sim, taxonomy = specification.experiment.data.kilnsim, specification.taxonomy
    assert sim is not None  # noqa: S101 the caller has looked
    report(Progress("drawing test photographs", 0, sim.fresh_test, "objects"))
    folder = collections / _folder("kilnsim-balanced", taxonomy, sim.fresh_test, sim)
    labels = write_balanced(folder, sim.fresh_test, sim.seed, sim.size_px, classes_of(taxonomy))
    drawn = _fitting(import_csv(folder, labels, taxonomy, store).manifest, labels.name, specification)
    return drawn.take(~near_any(drawn, collection))


def _folder(kind: str, taxonomy: Taxonomy, count: int, sim: Kilnsim) -> str:
    from saggar.kilnsim import RENDERER, classes_of

    version = digest({"classes": classes_of(taxonomy), "renderer": RENDERER})[:8]
    return f"{kind}-{taxonomy.id}-{count}-{sim.seed}-{sim.size_px}px-{version}"


def _fitting(manifest: Manifest, source: str, specification: Specification) -> Manifest:
    """An imported data set with the experiment's tasks, and the rows that `data.where` keeps.

    Raises InvalidInputError when it does not fit the taxonomy, or a task is left with less than two classes.
    """
    asked, tasks = specification.taxonomy, specification.kept_taxonomy.task_names
    if lacking := [name for name in asked.task_names if name not in manifest.tasks]:
        raise InvalidInputError(
            f"{source} has no labels of {', '.join(lacking)}, as taxonomy {asked.id} has; "
            f"put `tasks: [{', '.join(manifest.tasks)}]` into the experiment"
        )
    manifest = manifest.with_tasks(asked.task_names)
    validate(manifest, asked)
    rows = np.ones(len(manifest), dtype=bool)
    for task, codes in specification.experiment.data.where.items():
        rows &= manifest.labels(task).isin(list(codes)).to_numpy(dtype=bool)
    chosen = manifest.take(rows).with_tasks(tasks)
    counts = {task: chosen.counts(task) for task in tasks}
    for task, classes in counts.items():
        if len(classes) < 2:
            others = ", ".join(name for name, found in counts.items() if len(found) > 1)
            remedy = f"leave it out with `tasks: [{others}]`, or " if others else ""
            raise InvalidInputError(
                f"{source}: of {task} {' '.join(classes) or 'no label'} is found only, and a task needs two classes; "
                f"{remedy}label more photographs or widen data.where"
            )
    return chosen
