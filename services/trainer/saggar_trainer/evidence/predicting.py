"""What a bundle says of all images of a manifest: real or synthetic, of any split. No scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from saggar.bundle import BundleModel
from saggar.errors import InvalidInputError
from saggar.progress import Progress, Work
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest

from saggar_trainer import results
from saggar_trainer.data.rows import samples_of
from saggar_trainer.evidence.evaluating import answerable, answers, table
from saggar_trainer.evidence.unseen import answered

FOLDER = "predictions"


@dataclass(frozen=True)
class PredictionJob:
    """Which bundle to ask about what."""

    bundle: ObjectRef
    manifest: ObjectRef


@dataclass(frozen=True)
class PredictionOutcome:
    """The table that a finished job left in the store, and its number of rows."""

    predictions: ObjectRef
    count: int


def predict(job: PredictionJob, store: ObjectStore, work: Work | None = None, *, threads: int = 2) -> PredictionOutcome:
    """Predict, or return what an equal job has left.

    Raises InvalidInputError (no rows, labels that the bundle lacks), NotFoundError, CancelledError, and the
    store's errors.
    """
    work = work or Work()
    inputs = {"bundle": job.bundle.sha256, "manifest": job.manifest.sha256}
    name = results.request_hash("predict", inputs)
    if found := results.find(store, name):
        outcome = _outcome(found)
        if store.exists(outcome.predictions.key):
            return outcome
    work.report(Progress("loading the bundle"))
    model = BundleModel.load(store, job.bundle, threads=threads)
    taxonomy = model.card.taxonomy
    samples = samples_of(answerable(read_manifest(store, job.manifest), model.card), taxonomy)
    if len(samples) == 0:
        raise InvalidInputError(f"{job.manifest.key} has no rows; name a manifest with images")
    probabilities = answers(model, samples, store, work, "predicting", threads)
    said = table(samples, answered(model.card, store, samples.images, probabilities), taxonomy)
    reference = results.put_by_content(store, FOLDER, said, ".parquet", "application/vnd.apache.parquet")
    return _outcome(results.keep(store, name, asdict(PredictionOutcome(reference, len(samples)))))


def _outcome(kept: Mapping[str, Any]) -> PredictionOutcome:
    return PredictionOutcome(ObjectRef.from_json(kept["predictions"]), int(kept["count"]))
