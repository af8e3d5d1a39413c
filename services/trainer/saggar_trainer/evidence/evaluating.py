"""One evaluation job: the ONNX model that is served, on one split of a manifest."""

from __future__ import annotations

import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]
import pandas as pd
from saggar.bundle import BundleCard, BundleModel
from saggar.dataset.manifest import Manifest, validate
from saggar.errors import InvalidInputError
from saggar.images import preprocess
from saggar.progress import Progress, Work
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_trainer import results
from saggar_trainer.data.reading import read_photograph
from saggar_trainer.data.rows import UNKNOWN, Indices, Samples, samples_of
from saggar_trainer.evidence.metrics import TaskMetrics, mean_macro_f1, task_metrics
from saggar_trainer.evidence.unseen import answered

SPLITS = ("validation", "test")
BATCH = 32
FOLDER = "evaluations"

Probabilities = dict[str, npt.NDArray[np.float32]]  # task -> [N, C]


@dataclass(frozen=True)
class EvaluationJob:
    """Which bundle to evaluate on what."""

    bundle: ObjectRef
    manifest: ObjectRef
    split: str
    fresh: str = ""  # what equal jobs of another token have left is not taken over


@dataclass(frozen=True)
class EvaluationOutcome:
    """What a finished job left in the store, and its main numbers."""

    metrics: ObjectRef
    predictions: ObjectRef
    mean_macro_f1: float
    macro_f1_by_task: Mapping[str, float]
    accuracy_by_task: Mapping[str, float]
    count: int


def evaluate(
    job: EvaluationJob, store: ObjectStore, work: Work | None = None, *, threads: int = 2
) -> EvaluationOutcome:
    """Evaluate, or return what an equal job has left.

    Raises InvalidInputError (no such split, an empty one, images that are not real, labels that the bundle
    lacks), NotFoundError, CancelledError, and the store's errors.
    """
    work = work or Work()
    if job.split not in SPLITS:
        raise InvalidInputError(f"split is '{job.split}'; must be {' or '.join(SPLITS)}")
    inputs = {"bundle": job.bundle.sha256, "manifest": job.manifest.sha256, "split": job.split}
    inputs["onnxruntime"] = onnxruntime.__version__
    if job.fresh:
        inputs["fresh"] = job.fresh
    name = results.request_hash("evaluate", inputs)
    if found := results.find(store, name):
        outcome = _outcome(found)
        if store.exists(outcome.metrics.key) and store.exists(outcome.predictions.key):
            return outcome
    work.report(Progress("loading the bundle"))
    model = BundleModel.load(store, job.bundle, threads=threads)
    taxonomy = model.card.taxonomy
    rows = answerable(read_manifest(store, job.manifest), model.card).select(split=job.split)
    samples = samples_of(rows, taxonomy)
    _check_rows(samples, job)

    said = answers(model, samples, store, work, "evaluating", threads)
    probabilities = answered(model.card, store, samples.images, said)
    by_task = {task: task_metrics(samples.labels[task], probabilities[task]) for task in taxonomy.task_names}
    mean = mean_macro_f1(by_task)
    metrics = _report(by_task, mean, taxonomy, job, len(samples)) | {"bundle_id": model.card.bundle_id}
    predictions = table(samples, probabilities, taxonomy)
    known = {task: scores for task, scores in by_task.items() if scores is not None}
    outcome = EvaluationOutcome(
        metrics=results.put_json(store, FOLDER, metrics),
        predictions=results.put_by_content(store, FOLDER, predictions, ".parquet", "application/vnd.apache.parquet"),
        mean_macro_f1=mean,
        macro_f1_by_task={task: scores.macro_f1 for task, scores in known.items()},
        accuracy_by_task={task: scores.top_1 for task, scores in known.items()},
        count=len(samples),
    )
    return _outcome(results.keep(store, name, asdict(outcome)))


def answerable(manifest: Manifest, card: BundleCard) -> Manifest:
    """`manifest` with the labels of the tasks that the bundle answers; those that it was not taught are left out.

    Raises InvalidInputError when the data set does not fit the bundle's taxonomy.
    """
    left_out = [task for task in manifest.tasks if task in card.not_answered]
    kept = [task for task in manifest.tasks if task not in left_out]
    narrowed = manifest.with_tasks(kept) if left_out else manifest
    validate(narrowed, card.taxonomy)
    return narrowed


def _check_rows(samples: Samples, job: EvaluationJob) -> None:
    if len(samples) == 0:
        raise InvalidInputError(f"{job.manifest.key} has no rows in split {job.split}; split the data set first")
    if made := int((~samples.real).sum()):
        raise InvalidInputError(
            f"{job.manifest.key}: {made} images of split {job.split} are augmented or synthetic; evaluate on real "
            "photographs only"
        )


def answers(
    model: BundleModel, samples: Samples, store: ObjectStore, work: Work, doing: str, threads: int
) -> Probabilities:
    """Probabilities of all samples, batch by batch. Raises CancelledError."""
    spec = model.card.input_spec
    parts: list[Probabilities] = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for start in range(0, len(samples), BATCH):
            work.stop_if_cancelled(f"{doing}, after {start} of {len(samples)} images,")
            keys = samples.images[start : start + BATCH]
            images = list(pool.map(lambda key: preprocess(read_photograph(store, key, spec), spec), keys))
            parts.append(model.predict(np.stack(images)))
            work.report(Progress(doing, min(start + BATCH, len(samples)), len(samples), "images"))
    return {task: np.concatenate([part[task] for part in parts]) for task in parts[0]}


def _report(
    by_task: Mapping[str, TaskMetrics | None], mean: float, taxonomy: Taxonomy, job: EvaluationJob, count: int
) -> dict[str, Any]:
    """The metrics as JSON; a task without a known label has `n` 0 and nothing else."""
    return {
        "split": job.split,
        "manifest": job.manifest.sha256,
        "count": count,
        "mean_macro_f1": mean,
        "averaging": "macro and weighted means run over the classes that are present in the truth",
        "tasks": {
            task: {"classes": list(taxonomy.task(task).codes)}
            | (scores.to_dict(taxonomy.task(task).codes) if scores else {"n": 0})
            for task, scores in by_task.items()
        },
    }


def table(samples: Samples, probabilities: Probabilities, taxonomy: Taxonomy) -> bytes:
    """Parquet: image, object_id, and true_, predicted_ and probabilities_ (in class order) of every task answered."""
    columns: dict[str, Any] = {"image": samples.images, "object_id": samples.object_ids}
    for task in taxonomy.task_names:
        codes = taxonomy.task(task).codes
        columns[f"true_{task}"] = _codes(samples.labels[task], codes)
        columns[f"predicted_{task}"] = _codes(probabilities[task].argmax(axis=1), codes)
        columns[f"probabilities_{task}"] = list(probabilities[task])
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _codes(indices: Indices, codes: tuple[str, ...]) -> list[str | None]:
    return [None if index == UNKNOWN else codes[index] for index in indices.tolist()]


def _outcome(kept: Mapping[str, Any]) -> EvaluationOutcome:
    references = {name: ObjectRef.from_json(kept[name]) for name in ("metrics", "predictions")}
    return EvaluationOutcome(**{**kept, **references})
