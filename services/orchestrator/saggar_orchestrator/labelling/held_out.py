"""What an experiment's models say of the photographs that they have not seen, seeds averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError, NotFoundError
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.predictions import class_numbers, read_predictions
from saggar_orchestrator.workflow.stored import read_specification

UNKNOWN = -1


@dataclass(frozen=True)
class HeldOut:
    """Of the N photographs of a data set; N' of them were in a test split.

    With folds every photograph of an object was in one. Photographs that were not have no answers.
    """

    experiment_id: str
    arm: str
    dataset: str
    seeds: int
    manifest: Manifest  # [N]
    taxonomy: Taxonomy  # the tasks that are scored
    tested: npt.NDArray[np.bool_]  # [N]
    labels: Mapping[str, npt.NDArray[np.int64]]  # task -> [N] class number, or UNKNOWN
    probabilities: Mapping[str, npt.NDArray[np.float32]]  # task -> [N, C], 0 where not tested
    models: tuple[ObjectRef | None, ...]  # [N] bundle of the first seed that has not seen the photograph


def held_out(store: ObjectStore, results: Mapping[str, Any], arm: str = "") -> HeldOut:
    """The answers of `arm`, the baseline where none is named.

    Raises NotFoundError for an arm that the experiment does not have, InvalidInputError for results that do not name
    their predictions, and the store's errors.
    """
    identity = results["experiment"]["id"]
    name = arm or results["baseline"]
    chosen = next((one for one in results["arms"] if one["name"] == name), None)
    if chosen is None:
        known = ", ".join(one["name"] for one in results["arms"])
        raise NotFoundError(f"experiment {identity} has no arm '{name}'; arms: {known}", name)
    if "manifest" not in results["data"] or any("predictions" not in run for run in chosen["runs"]):
        raise InvalidInputError(
            f"the results of {identity} are of a version that did not name its predictions: `saggar experiment delete "
            f"{identity}`, then run its file again; it takes all its steps over"
        )
    reference = ObjectRef.from_json(results["data"]["manifest"])
    manifest = read_manifest(store, reference).select(origin="real")
    taxonomy = _taxonomy(store, results)
    place = {image: number for number, image in enumerate(manifest.frame["image"])}
    sums = {task.name: np.zeros((len(manifest), len(task.codes)), np.float64) for task in taxonomy.tasks}
    counts = np.zeros(len(manifest), np.int64)
    models: list[ObjectRef | None] = [None] * len(manifest)
    for run in chosen["runs"]:
        said = read_predictions(store, ObjectRef.from_json(run["predictions"]), taxonomy)
        rows = np.array([place.get(image, UNKNOWN) for image in said.images], np.int64)  # pieces drawn for the test
        own = rows >= 0  # split alone are not of the data set
        counts[rows[own]] += 1
        for task, values in said.probabilities.items():
            sums[task][rows[own]] += values[own]
        bundle = ObjectRef.from_json(run["bundle"])
        for row in rows[own].tolist():
            models[row] = models[row] or bundle
    shared = np.maximum(counts, 1)[:, None]
    return HeldOut(
        experiment_id=identity,
        arm=name,
        dataset=reference.key.split("/")[1],
        seeds=len({run["seed"] for run in chosen["runs"]}),
        manifest=manifest,
        taxonomy=taxonomy,
        tested=counts > 0,
        labels={task.name: class_numbers(_codes(manifest, task.name), task) for task in taxonomy.tasks},
        probabilities={task: (values / shared).astype(np.float32) for task, values in sums.items()},
        models=tuple(models),
    )


def _taxonomy(store: ObjectStore, results: Mapping[str, Any]) -> Taxonomy:
    kept = read_specification(store, results["experiment"]["id"]).kept_taxonomy
    return kept.narrowed([task["name"] for task in results["taxonomy"]["tasks"]])


def _codes(manifest: Manifest, task: str) -> list[str | None]:
    return [code if isinstance(code, str) else None for code in manifest.labels(task)]
