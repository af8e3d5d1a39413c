"""One training job: from a manifest in the store to a bundle in the store."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from saggar.bundle import write_bundle
from saggar.dataset import leakage
from saggar.dataset.augment import apply_augmentation
from saggar.dataset.manifest import Manifest, validate
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_trainer import results
from saggar_trainer.data.pixels import Pixels, cache_pixels, evaluation_pixels, shrink, training_pixels
from saggar_trainer.data.reading import read_photograph, read_taxonomy
from saggar_trainer.data.rows import Samples, samples_of
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.loop import Examples, Snapshot, StepReport, best_epoch, fit
from saggar_trainer.fitting.objective import objective_of, row_weights, sampling_weights
from saggar_trainer.listening import Listener, Report
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier

log = logging.getLogger(__name__)

OCTETS = "application/octet-stream"
AUGMENTATION_MARGIN = 1.5  # images are reduced to this much of the input size before offline augmentation
REPORT_EVERY_S = 0.5


@dataclass(frozen=True)
class TrainingJob:
    """What to train on, how, and what to note in the bundle's card."""

    manifest: ObjectRef
    taxonomy: ObjectRef
    settings: TrainingSettings
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a finished job left in the store."""

    bundle: ObjectRef
    history: ObjectRef
    best_epoch: int
    validation_macro_f1: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Workplace:
    """What the machine offers."""

    store: ObjectStore
    device: torch.device
    threads: int = 2
    scratch: Path | None = None  # folder for the cache of decoded images; None: the system's


def train(job: TrainingJob, at: Workplace, listener: Listener | None = None) -> TrainingOutcome:
    """Train, or return what an equal job has left, or continue it from its last checkpoint.

    Raises InvalidInputError, NotFoundError, WrongStateError (the loss is not finite), CancelledError, and the
    store's errors.
    """
    listener = listener or Listener()
    initial_weights = _initial_weights(job.settings)
    name = results.request_hash("train", _inputs(job, initial_weights))
    if finished := _finished(at.store, name):
        return finished
    listener.progress(Report("reading the data set"))
    taxonomy = read_taxonomy(at.store, job.taxonomy)
    job.settings.check_tasks(taxonomy)
    manifest = read_manifest(at.store, job.manifest)
    validate(manifest, taxonomy)
    leakage.check(manifest)
    training = samples_of(manifest.select(split="train"), taxonomy)
    validation = samples_of(manifest.select(split="validation"), taxonomy)
    _check_rows(training, validation, job.manifest.key)

    torch.set_num_threads(at.threads)
    torch.manual_seed(job.settings.seed)
    listener.progress(Report("loading initial weights"))
    backbone = build_backbone(job.settings)
    model = MultiTaskClassifier(
        backbone.layers,
        {task.name: len(task.classes) for task in taxonomy.tasks},
        job.settings.dropout,
        job.settings.projection,
    )
    warnings = (*backbone.warnings, *_untaught(training, taxonomy, job.settings))
    for warning in warnings:
        log.warning("%s", warning)

    spec = input_spec(job.settings)
    checkpoint_key = f"checkpoints/trainer/{name}/state.safetensors"
    snapshot = fit(
        model,
        _training_examples(training, taxonomy, job.settings, at, listener),
        _validation_examples(validation, spec, at, listener),
        objective_of(training, taxonomy, job.settings),
        spec,
        job.settings,
        device=at.device,
        resume=_interrupted(at.store, checkpoint_key, listener),
        on_step=_StepReports(listener, job.settings),
        on_epoch=lambda current: _save(at.store, checkpoint_key, current, listener),
        cancelled=listener.cancelled,
        clock=time.monotonic,
    )

    listener.progress(Report("exporting"))
    best = best_epoch(snapshot.history)
    model.load_state_dict(snapshot.best_model)
    settings = _without_path(job.settings).model_dump()
    _, bundle = write_bundle(
        at.store,
        to_onnx(model, spec.size_px),
        checkpoint.weights_to_bytes(snapshot.best_model),
        taxonomy=taxonomy,
        input_spec=spec,
        architecture=job.settings.architecture,
        initial_weights=initial_weights,
        warnings=warnings,
        training=settings | {"manifest": job.manifest.sha256},
        metrics={
            "best_epoch": best.epoch,
            "validation_macro_f1": best.validation_macro_f1,
            "validation_macro_f1_by_task": dict(best.validation_macro_f1_by_task),
        },
        annotations=job.annotations,
    )
    history = {
        "settings": settings,
        "initial_weights": initial_weights,
        "warnings": list(warnings),
        "counts": _counts(manifest),
        "best_epoch": best.epoch,
        "epochs": [asdict(scores) for scores in snapshot.history],
    }
    outcome = TrainingOutcome(
        bundle=bundle,
        history=results.put_json(at.store, "histories", history),
        best_epoch=best.epoch,
        validation_macro_f1=best.validation_macro_f1,
        warnings=warnings,
    )
    kept = results.keep(at.store, name, asdict(outcome))
    at.store.delete(checkpoint_key)
    return _outcome(kept)


def _inputs(job: TrainingJob, initial_weights: str) -> dict[str, Any]:
    return {
        "manifest": job.manifest.sha256,
        "taxonomy": job.taxonomy.sha256,
        "settings": _without_path(job.settings).model_dump(),
        "initial_weights": initial_weights,
        "annotations": dict(job.annotations),
    }


def _initial_weights(settings: TrainingSettings) -> str:
    """What the first weights are, a file by its content; raises NotFoundError when it is missing."""
    if settings.initial_weights == "imagenet":
        return "imagenet (torchvision IMAGENET1K_V2)"
    if settings.initial_weights == "random":
        return "random"
    path = Path(settings.initial_weights_path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFoundError(
            f"initial weights {path}: {error.strerror or error} on the trainer's machine; check initial_weights_path",
            str(path),
        ) from None
    return f"file {path.name} (sha256 {digest})"


def _without_path(settings: TrainingSettings) -> TrainingSettings:
    """Where the weights lie on this machine is nobody else's business and changes no result."""
    return settings.with_values(initial_weights_path=Path(settings.initial_weights_path).name)


def _finished(store: ObjectStore, name: str) -> TrainingOutcome | None:
    found = results.find(store, name)
    if found is None:
        return None
    outcome = _outcome(found)
    return outcome if store.exists(outcome.bundle.key) and store.exists(outcome.history.key) else None


def _outcome(kept: Mapping[str, Any]) -> TrainingOutcome:
    return TrainingOutcome(
        bundle=ObjectRef.from_json(kept["bundle"]),
        history=ObjectRef.from_json(kept["history"]),
        best_epoch=kept["best_epoch"],
        validation_macro_f1=kept["validation_macro_f1"],
        warnings=tuple(kept["warnings"]),
    )


def _check_rows(training: Samples, validation: Samples, source: str) -> None:
    for split, samples, least in (("train", training, 2), ("validation", validation, 1)):
        if len(samples) < least:
            raise InvalidInputError(
                f"{source} has {len(samples)} rows in split {split}; at least {least} are needed: split "
                "the data set first"
            )


def _untaught(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> tuple[str, ...]:
    """A warning per task that has classes without a training image."""
    found = []
    for task in taxonomy.tasks:
        if settings.task_weights.get(task.name, task.weight) == 0:
            found.append(f"{task.name}: its weight is 0, so it is not taught")
            continue
        counts = training.counts(task.name, len(task.classes))
        if missing := [code for code, count in zip(task.codes, counts, strict=True) if count == 0]:
            found.append(f"{task.name}: no training image of {', '.join(missing)}; the model cannot know them")
    return tuple(found)


def _training_examples(
    samples: Samples, taxonomy: Taxonomy, settings: TrainingSettings, at: Workplace, listener: Listener
) -> Examples:
    def load(index: int) -> Pixels:
        image = read_photograph(at.store, samples.images[index])
        seed = samples.augmentation_seeds[index]
        if seed is not None:
            image = apply_augmentation(shrink(image, round(settings.image_size_px * AUGMENTATION_MARGIN)), seed)
        return training_pixels(image, settings.image_size_px)

    return Examples(
        pixels=cache_pixels(
            load,
            len(samples),
            scratch=at.scratch,
            threads=at.threads,
            progress=lambda done: listener.progress(Report("decoding training images", done, len(samples), "images")),
            cancelled=listener.cancelled,
        ),
        labels={task: torch.from_numpy(values) for task, values in samples.labels.items()},
        row_weights={task: row_weights(samples, task, settings) for task in samples.labels},
        sampling_weights=sampling_weights(samples, taxonomy, settings),
    )


def _validation_examples(samples: Samples, spec: InputSpec, at: Workplace, listener: Listener) -> Examples:
    pixels = cache_pixels(
        lambda index: evaluation_pixels(read_photograph(at.store, samples.images[index]), spec),
        len(samples),
        scratch=at.scratch,
        threads=at.threads,
        cancelled=listener.cancelled,
    )
    return Examples(
        pixels,
        labels={task: torch.from_numpy(values) for task, values in samples.labels.items()},
        row_weights=dict.fromkeys(samples.labels, torch.ones(len(samples))),
    )


def _interrupted(store: ObjectStore, key: str, listener: Listener) -> Snapshot | None:
    """Where an interrupted run of the same job stopped; its epochs are reported again."""
    if not store.exists(key):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        store.fetch(key, path)
        try:
            snapshot = checkpoint.from_file(str(path))
        except DataCorruptionError as error:
            log.warning("%s: cannot be read, so training starts anew (%s)", key, error)
            return None
    log.info("continuing after epoch %d", len(snapshot.history))
    for scores in snapshot.history:
        listener.epoch(scores)
    return snapshot


def _save(store: ObjectStore, key: str, snapshot: Snapshot, listener: Listener) -> None:
    store.replace(key, checkpoint.to_bytes(snapshot), OCTETS)
    listener.epoch(snapshot.history[-1])


class _StepReports:
    """Turns optimiser steps into progress, at most two a second."""

    def __init__(self, listener: Listener, settings: TrainingSettings) -> None:
        self._listener = listener
        self._settings = settings
        self._last = self._started = time.monotonic()
        self._steps = 0

    def __call__(self, report: StepReport) -> None:
        self._steps += 1
        now = time.monotonic()
        if now - self._last < REPORT_EVERY_S and report.step < report.steps:
            return
        self._last = now
        rate = self._steps * self._settings.batch_size / max(now - self._started, 1e-9)
        done = (report.epoch - 1) * report.steps + report.step
        total = self._settings.max_epochs * report.steps
        metrics = {"loss": report.loss, "epoch": float(report.epoch), "images_per_second": rate}
        self._listener.progress(Report("training", done, total, "steps", metrics))


def _counts(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Rows by split and origin."""
    frame = manifest.frame[manifest.frame["split"].notna()]
    counts: dict[str, dict[str, int]] = {}
    for (split, origin), rows in frame.groupby(["split", "origin"], sort=True):
        counts.setdefault(str(split), {})[str(origin)] = len(rows)
    return counts
