"""One adapter from a manifest in the store to an adapter in the store, with checkpoints between."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from saggar.dataset.record import Record
from saggar.errors import CancelledError, DataCorruptionError, NotFoundError
from saggar.job_settings.adapter import AdapterSettings
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest

from saggar_generator.adapters import adapter, lora
from saggar_generator.base_models.base_model import BaseModel, BaseModels
from saggar_generator.base_models.identity import Identity
from saggar_generator.base_models.placement import memory_for
from saggar_generator.base_models.prompt_encoding import layers_to_skip
from saggar_generator.progress import Progress, Report, stop_if
from saggar_generator.requests import AdapterPreview, TrainedAdapter
from saggar_generator.training import adapter_metadata, optimizing
from saggar_generator.training.examples import prepare, training_rows
from saggar_generator.training.group import Alone, Team
from saggar_generator.training.held_out import hold_out
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.previews import draw_previews, prompts_of

log = logging.getLogger(__name__)

_LESS_MEMORY = (
    "lower batch_size and raise gradient_accumulation_steps as much, set gradient_checkpointing, lower "
    "resolution_px, or set SAGGAR_MEMORY to sliced or offloaded for the generator"
)
_REPORT_EVERY_S = 1.0
# They say when something is written or looked at, and decide neither the weights nor what is said of them.
_NOT_DECIDING = {
    "checkpoint_every_steps",
    "validation_every_steps",
    "preview_every_steps",
    "preview_prompts",
    "gradient_checkpointing",
}


def train_adapter(
    store: ObjectStore,
    models: BaseModels,
    base_model: str,
    manifest: ObjectRef,
    settings: AdapterSettings,
    targets: tuple[str, ...],
    report: Report,
    cancelled: threading.Event,
    on_preview: Callable[[AdapterPreview], None] = lambda _: None,
    team: Team | None = None,
) -> TrainedAdapter:
    """Trains the adapter, goes on from its checkpoint, or returns it at once when it is in the store.

    `targets` are the UNet's layers unless the settings name some. Of a `team` the first process speaks
    and writes for all. Raises what the contract lists for
    `TrainAdapter`, as domain errors.
    """
    report(Progress("loading base model", message=base_model))
    base = models.get(base_model)
    lora.remove(base)  # an earlier job's adapters, before captions go through the text encoder
    settings = settings.with_values(
        resolution_px=settings.resolution_px or base.size_px,
        clip_skip=layers_to_skip(base.pipeline.text_encoder, settings.clip_skip),
        unet_targets=settings.unet_targets or targets,
    )
    base.check_size(settings.resolution_px, "settings.resolution_px")
    identity = adapter_id(base.identity, manifest.sha256, settings)
    if finished := _finished(store, identity):
        store.delete(_checkpoint_key(identity))  # left where the process died between card and this
        return finished
    rows = training_rows(read_manifest(store, manifest))
    kept, measured = list(range(len(rows))), list[int]()
    if settings.validation_share:
        kept, measured = hold_out(rows, settings.validation_share, settings.seed)
    team = team or Alone()
    with memory_for("this training", base.placement, _LESS_MEMORY):
        examples = prepare(store, base, rows, settings, report, cancelled)
        if examples.truncated_captions:
            log.warning(
                "%d of %d captions are longer than the text encoder's window; their ends have no effect",
                examples.truncated_captions,
                len(rows),
            )
        held_out = examples.take(measured) if measured else None
        with AdapterTraining(base, examples.take(kept), settings, settings.unet_targets, held_out, team) as training:
            job = _Job(store, base, training, settings, identity, report, on_preview, cancelled, team)
            job.run([rows[number].caption or "" for number in kept])
            if team.rank == 0:
                kept_rows = [rows[number] for number in kept]
                _write(store, base, training, settings, identity, manifest, kept_rows, measured)
                store.delete(_checkpoint_key(identity))
    team.agree(False)  # the first has written
    result = _finished(store, identity)
    if result is None:
        key = adapter.Keys(identity).card
        raise NotFoundError(f"{key} was deleted while it was in use; train the adapter again", key)
    return result


def adapter_id(base: Identity, manifest_sha256: str, settings: AdapterSettings) -> str:
    """16 hexadecimal digits that depend on all that decides the adapter, and on nothing else."""
    inputs = [3, asdict(base), manifest_sha256, _deciding(settings)]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


class _Job:
    """The steps of one training, and what is done between them."""

    def __init__(
        self,
        store: ObjectStore,
        base: BaseModel,
        training: AdapterTraining,
        settings: AdapterSettings,
        identity: str,
        report: Report,
        on_preview: Callable[[AdapterPreview], None],
        cancelled: threading.Event,
        team: Team,
    ) -> None:
        self._team = team
        self._store, self._base, self._training = store, base, training
        self._settings, self._identity = settings, identity
        self._report, self._on_preview, self._cancelled = report, on_preview, cancelled

    def run(self, captions: Sequence[str]) -> None:
        training, settings, checkpoint = self._training, self._settings, _checkpoint_key(self._identity)
        prompts = prompts_of(settings, captions)
        if self._store.exists(checkpoint):
            self._restore(checkpoint)
            log.info("adapter training goes on from step %d of %d", training.step, settings.steps)
        elif settings.steps and self._is_first:
            training.measure()  # what the bare base model does
        first, begun, told = training.step, time.monotonic(), 0.0
        while training.step < settings.steps:
            if self._team.agree(self._cancelled.is_set()):
                if self._is_first and training.step > first:
                    self._store.replace(checkpoint, training.checkpoint(), adapter.WEIGHTS_TYPE)
                self._cancelled.set()
            stop_if(self._cancelled, "adapter training")
            loss = training.advance()
            if not self._is_first:
                continue
            now = time.monotonic()
            measured = self._is_due(settings.validation_every_steps) and training.measure() is not None
            if self._is_due(settings.preview_every_steps):
                self._draw(prompts)
            # The last step is kept too: what is written from it after a crash is the same again.
            if self._is_due(settings.checkpoint_every_steps):
                self._store.replace(checkpoint, training.checkpoint(), adapter.WEIGHTS_TYPE)
            if now - told >= _REPORT_EVERY_S or measured or training.step == settings.steps:
                told = now
                pace = (training.step - first) / max(now - begun, 1e-9)
                self._tell({"loss": loss, "steps_per_second": pace})

    def _restore(self, checkpoint: str) -> None:
        try:
            self._training.restore(self._store.get(checkpoint))
        except DataCorruptionError as error:
            raise DataCorruptionError(
                f"{checkpoint}: {error}; delete it from the store to train from the beginning"
            ) from error

    @property
    def _is_first(self) -> bool:
        return self._team.rank == 0

    def _is_due(self, every: int) -> bool:
        step = self._training.step
        return bool(every) and (step % every == 0 or step == self._settings.steps)

    def _draw(self, prompts: Sequence[str]) -> None:
        try:
            made = draw_previews(
                self._store,
                self._base,
                self._identity,
                self._settings,
                prompts,
                self._training.step,
                self._cancelled,
            )
        except CancelledError:  # the step that they show is kept before the job ends
            return
        self._training.previews += made
        for preview in made:
            self._on_preview(preview)

    def _tell(self, metrics: dict[str, float]) -> None:
        training, settings = self._training, self._settings
        if training.validation:
            metrics["validation_loss"] = training.validation[-1][1]
        self._report(Progress("training", training.step, settings.steps, "steps", metrics))


def _write(
    store: ObjectStore,
    base: BaseModel,
    training: AdapterTraining,
    settings: AdapterSettings,
    identity: str,
    manifest: ObjectRef,
    rows: Sequence[Record],
    measured: Sequence[int],
) -> None:
    """Weights and curve first, the card last: what it names is there."""
    keys, deciding = adapter.Keys(identity), _deciding(settings)
    caption = rows[0].caption or ""
    metadata = adapter_metadata.of_training(
        identity, base, settings, deciding, _dataset_id(manifest), len(rows), caption
    )
    weights, kohya = adapter.put_weights(store, identity, training.layers(), metadata)
    curve = adapter.put_once(store, keys.curve, _curve(training, settings), "application/json")
    card = adapter.AdapterCard(
        adapter_id=identity,
        base_model=base.spec,
        base_hash=base.content_hash,
        prediction_type=base.prediction_type,
        settings=deciding,
        target_modules=settings.unet_targets,
        manifest=adapter.StoredObject.of(manifest),
        images=len(rows),
        held_out_images=len(measured),
        caption_template=settings.caption_template,
        caption_sample=caption,
        licence=settings.licence,
        steps=training.step,
        final_loss=training.final_loss,
        validation_loss=training.validation[-1][1] if training.validation else None,
        curve=adapter.StoredObject.of(curve),
        previews=tuple(
            adapter.Preview(step=one.step, prompt=one.prompt, image=adapter.StoredObject.of(one.image))
            for one in training.previews
        ),
        weights=adapter.StoredObject.of(weights),
        kohya_weights=adapter.StoredObject.of(kohya),
        libraries=adapter.library_versions(),
    )
    adapter.put_once(store, keys.card, card.to_bytes(), "application/json")


def _curve(training: AdapterTraining, settings: AdapterSettings) -> bytes:
    """Loss and learning rate of every step, and the validation loss after some."""
    warm_up, schedule = optimizing.warm_up(settings), settings.learning_rate_schedule
    rates = [
        settings.learning_rate * optimizing.rate_factor(step, settings.steps, warm_up, schedule)
        for step in range(training.step)
    ]
    curve: Mapping[str, Any] = {
        "loss": training.losses,
        "learning_rate": rates,
        "validation": [{"step": step, "loss": loss} for step, loss in training.validation],
    }
    return (json.dumps(curve, indent=1) + "\n").encode()


def _finished(store: ObjectStore, identity: str) -> TrainedAdapter | None:
    key = adapter.Keys(identity).card
    if not store.exists(key):
        return None
    ref = store.stat(key)
    card = adapter.read_card(store, ref)
    return TrainedAdapter(
        adapter=ref,
        weights=card.weights.ref(),
        final_loss=card.final_loss or 0.0,
        steps=card.steps,
        kohya_weights=card.kohya_weights.ref() if card.kohya_weights else None,
        curve=card.curve.ref() if card.curve else None,
        validation_loss=card.validation_loss,
    )


def _dataset_id(manifest: ObjectRef) -> str:
    """`datasets/<id>/manifest.parquet`; another key names itself."""
    parts = manifest.key.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "datasets" else manifest.key


def _deciding(settings: AdapterSettings) -> dict[str, Any]:
    """The settings that decide the adapter: its weights, and what its files say of it."""
    return {key: value for key, value in settings.model_dump().items() if key not in _NOT_DECIDING}


def _checkpoint_key(identity: str) -> str:
    return f"checkpoints/generator/{identity}/state.safetensors"
