"""One adapter from a manifest in the store to an adapter in the store, with checkpoints between."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version

from saggar.dataset.manifest import read_manifest
from saggar.errors import AlreadyExistsError, NotFoundError
from saggar.store import ObjectRef, ObjectStore

from saggar_generator import adapter
from saggar_generator.basemodel import BaseModels
from saggar_generator.examples import check_size, prepare, training_rows
from saggar_generator.progress import Progress, Report, stop_if
from saggar_generator.requests import AdapterSettings, TrainedAdapter
from saggar_generator.training import AdapterTraining

log = logging.getLogger(__name__)

_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "safetensors")
_REPORT_EVERY_S = 1.0


def train_adapter(
    store: ObjectStore,
    models: BaseModels,
    base_model: str,
    manifest: ObjectRef,
    settings: AdapterSettings,
    targets: tuple[str, ...],
    report: Report,
    cancelled: threading.Event,
) -> TrainedAdapter:
    """Trains the adapter, goes on from its checkpoint, or returns it at once when it is in the store.

    Raises what the contract lists for `TrainAdapter`, as domain errors.
    """
    report(Progress("loading base model", message=base_model))
    base = models.get(base_model)
    settings = replace(settings, resolution_px=settings.resolution_px or base.size_px)
    check_size(base, settings.resolution_px, "settings.resolution_px")
    identity = adapter_id(base.content_hash, manifest.sha256, settings, targets)
    if finished := _finished(store, identity):
        return finished
    rows = training_rows(read_manifest(store, manifest))
    examples = prepare(store, base, rows, settings.resolution_px, settings.clip_skip, report, cancelled)
    if examples.truncated_captions:
        log.warning(
            "%d of %d captions are longer than the text encoder's window; their ends have no effect",
            examples.truncated_captions,
            len(rows),
        )
    with AdapterTraining(base, examples, settings, targets) as training:
        _run(store, training, settings, _checkpoint_key(identity), report, cancelled)
        data = adapter.write_weights(training.unet, training.adapter_name)
    weights = _put_weights(store, identity, data)
    card = adapter.AdapterCard(
        adapter_id=identity,
        base_model=base.spec,
        base_hash=base.content_hash,
        prediction_type=str(base.scheduler_config.get("prediction_type", "epsilon")),
        settings=_deciding(settings),
        target_modules=targets,
        manifest=adapter.StoredObject.of(manifest),
        images=len(rows),
        caption_sample=rows[0].caption or "",
        steps=training.step,
        final_loss=training.final_loss,
        weights=adapter.StoredObject.of(weights),
        libraries={name: version(name) for name in _LIBRARIES},
    )
    key, _ = adapter.keys(identity)
    try:
        store.put(key, card.to_bytes(), "application/json")
    except AlreadyExistsError:
        log.info("another replica finished adapter %s first; taking its result", identity)
    store.delete(_checkpoint_key(identity))
    result = _finished(store, identity)
    if result is None:
        raise NotFoundError(f"{key} was deleted while it was in use; train the adapter again", key)
    return result


def adapter_id(
    base_hash: str, manifest_sha256: str, settings: AdapterSettings, targets: tuple[str, ...]
) -> str:
    """16 hexadecimal digits that depend on all that decides the weights, and on nothing else."""
    inputs = [1, base_hash, manifest_sha256, _deciding(settings), sorted(targets)]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def _run(
    store: ObjectStore,
    training: AdapterTraining,
    settings: AdapterSettings,
    checkpoint: str,
    report: Report,
    cancelled: threading.Event,
) -> None:
    if store.exists(checkpoint):
        training.restore(store.get(checkpoint))
        log.info("adapter training goes on from step %d of %d", training.step, settings.steps)
    first, begun, told = training.step, time.monotonic(), 0.0
    while training.step < settings.steps:
        if cancelled.is_set() and training.step > first:
            store.replace(checkpoint, training.checkpoint(), adapter.WEIGHTS_TYPE)
        stop_if(cancelled, "adapter training")
        loss = training.advance()
        now = time.monotonic()
        last = training.step == settings.steps
        # The last step is kept too: what is written from it after a crash is the same again.
        if training.step % settings.checkpoint_every_steps == 0 or last:
            store.replace(checkpoint, training.checkpoint(), adapter.WEIGHTS_TYPE)
        if now - told >= _REPORT_EVERY_S or last:
            told = now
            pace = (training.step - first) / max(now - begun, 1e-9)
            report(_progress(training.step, settings.steps, {"loss": loss, "steps_per_second": pace}))


def _progress(step: int, steps: int, metrics: Mapping[str, float]) -> Progress:
    return Progress("training", step, steps, "steps", metrics)


def _finished(store: ObjectStore, identity: str) -> TrainedAdapter | None:
    key, _ = adapter.keys(identity)
    if not store.exists(key):
        return None
    ref = store.stat(key)
    card = adapter.read_card(store, ref)
    return TrainedAdapter(ref, card.weights.ref(), card.final_loss, card.steps)


def _put_weights(store: ObjectStore, identity: str, data: bytes) -> ObjectRef:
    _, key = adapter.keys(identity)
    try:
        return store.put(key, data, adapter.WEIGHTS_TYPE)
    except (
        AlreadyExistsError
    ):  # a replica on other hardware, whose rounding differs, trained the same adapter
        return store.stat(key)


def _deciding(settings: AdapterSettings) -> dict[str, int | float]:
    """The settings that decide the weights."""
    return {key: value for key, value in asdict(settings).items() if key != "checkpoint_every_steps"}


def _checkpoint_key(identity: str) -> str:
    return f"checkpoints/generator/{identity}/state.safetensors"
