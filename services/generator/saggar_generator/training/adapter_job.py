"""One adapter from a manifest in the store to an adapter in the store, with checkpoints between."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from saggar.dataset.record import Record
from saggar.errors import CancelledError, DataCorruptionError, NotFoundError
from saggar.job_settings.adapter import AdapterSettings
from saggar.progress import Progress, Work
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest

from saggar_generator.adapters import adapter, lora
from saggar_generator.base_models.base_model import BaseModel, BaseModels
from saggar_generator.base_models.identity import Identity
from saggar_generator.base_models.placement import memory_for
from saggar_generator.base_models.prompt_encoding import layers_to_skip
from saggar_generator.requests import AdapterPreview, TrainedAdapter, TrainingRequest
from saggar_generator.settings import ATTENTION
from saggar_generator.training import adapter_metadata, optimizing
from saggar_generator.training.examples import prepare, training_rows
from saggar_generator.training.group import Alone, Team
from saggar_generator.training.held_out import hold_out
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.previews import PreviewPlan, draw_previews, prompts_of

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
    request: TrainingRequest,
    work: Work,
    on_preview: Callable[[AdapterPreview], None] = lambda _: None,
    *,
    targets: tuple[str, ...] = ATTENTION,
    team: Team | None = None,
) -> TrainedAdapter:
    """Trains the adapter, goes on from its checkpoint, or returns it at once when it is in the store.

    `targets` are the UNet's layers unless the request's settings name some. Of a `team` the first process
    speaks and writes for all. Raises what the contract lists for `TrainAdapter`, as domain errors.
    """
    work.report(Progress("loading base model", message=request.base_model))
    base, manifest, settings = models.get(request.base_model), request.manifest, request.settings
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
        examples = prepare(store, base, rows, settings, work)
        if examples.truncated_captions:
            log.warning(
                "%d of %d captions are longer than the text encoder's window; their ends have no effect",
                examples.truncated_captions,
                len(rows),
            )
        held_out = examples.take(measured) if measured else None
        trained_on = [rows[number] for number in kept]
        with AdapterTraining(base, examples.take(kept), settings, measured_by=held_out, team=team) as training:
            job = _Job(store, base, training, settings, identity, work, on_preview, team)
            job.run([row.caption or "" for row in trained_on])
            if team.rank == 0:
                _write(job, manifest, trained_on, len(measured))
                store.delete(_checkpoint_key(identity))
    team.agree(False)  # the first has written
    result = _finished(store, identity)
    if result is None:
        key = adapter.Keys(identity).card
        raise NotFoundError(f"{key} was deleted while it was in use; train the adapter again", key)
    return result


def adapter_id(base: Identity, manifest_sha256: str, settings: AdapterSettings) -> str:
    """16 hexadecimal digits that depend on all that decides the adapter, and on nothing else."""
    inputs = [4, asdict(base), manifest_sha256, _deciding(settings)]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class _Job:
    """The steps of one training, and what is done between them."""

    store: ObjectStore
    base: BaseModel
    training: AdapterTraining
    settings: AdapterSettings
    identity: str
    work: Work
    on_preview: Callable[[AdapterPreview], None]
    team: Team

    def run(self, captions: Sequence[str]) -> None:
        training, settings, checkpoint = self.training, self.settings, _checkpoint_key(self.identity)
        prompts = prompts_of(settings, captions)
        if self.store.exists(checkpoint):
            self._restore(checkpoint)
            log.info("adapter training goes on from step %d of %d", training.step, settings.steps)
        elif settings.steps and self._is_first:
            training.measure()  # what the bare base model does
        first, begun, reported = training.step, time.monotonic(), 0.0
        while training.step < settings.steps:
            if self.team.agree(self.work.cancelled.is_set()):
                if self._is_first and training.step > first:
                    self.store.replace(checkpoint, training.checkpoint(), adapter.WEIGHTS_TYPE)
                self.work.cancelled.set()
            self.work.stop_if_cancelled("adapter training")
            loss = training.advance()
            if not self._is_first:
                continue
            now = time.monotonic()
            measured = self._is_due(settings.validation_every_steps) and training.measure() is not None
            if self._is_due(settings.preview_every_steps):
                self._draw(prompts)
            # The last step is kept too: what is written from it after a crash is the same again.
            if self._is_due(settings.checkpoint_every_steps):
                self.store.replace(checkpoint, training.checkpoint(), adapter.WEIGHTS_TYPE)
            if now - reported >= _REPORT_EVERY_S or measured or training.step == settings.steps:
                reported = now
                pace = (training.step - first) / max(now - begun, 1e-9)
                self._report({"loss": loss, "steps_per_second": pace})

    def _restore(self, checkpoint: str) -> None:
        try:
            self.training.restore(self.store.get(checkpoint))
        except DataCorruptionError as error:
            raise DataCorruptionError(
                f"{checkpoint}: {error}; delete it from the store to train from the beginning"
            ) from error

    @property
    def _is_first(self) -> bool:
        return self.team.rank == 0

    def _is_due(self, every: int) -> bool:
        step = self.training.step
        return bool(every) and (step % every == 0 or step == self.settings.steps)

    def _draw(self, prompts: Sequence[str]) -> None:
        try:
            plan = PreviewPlan(self.identity, self.settings, prompts)
            made = draw_previews(self.store, self.base, plan, self.training.step, self.work)
        except CancelledError:  # the step that they show is kept before the job ends
            return
        self.training.previews += made
        for preview in made:
            self.on_preview(preview)

    def _report(self, metrics: dict[str, float]) -> None:
        training, settings = self.training, self.settings
        if training.validation:
            metrics["validation_loss"] = training.validation[-1][1]
        self.work.report(Progress("training", training.step, settings.steps, "steps", metrics))


def _write(job: _Job, manifest: ObjectRef, rows: Sequence[Record], held_out_images: int) -> None:
    """Weights and curve first, the card last: what it names is there. `rows` are those trained on."""
    store, base, training, settings, identity = job.store, job.base, job.training, job.settings, job.identity
    keys, deciding = adapter.Keys(identity), _deciding(settings)
    caption = rows[0].caption or ""
    material = adapter_metadata.Material(_dataset_id(manifest), len(rows), caption)
    metadata = adapter_metadata.of_training(identity, base, settings, deciding, material)
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
        held_out_images=held_out_images,
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
