"""One adapter from a manifest in the store to an adapter in the store, with checkpoints between."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from saggar.errors import CancelledError, DataCorruptionError, NotFoundError
from saggar.job_settings.adapter import AdapterSettings
from saggar.progress import Progress, Work
from saggar.store import ObjectStore
from saggar.stored_datasets import read_manifest

from saggar_generator import checkpoint
from saggar_generator.adapters import adapter, lora
from saggar_generator.adapters.new_words import new_words
from saggar_generator.base_models.base_model import BaseModel, BaseModels
from saggar_generator.base_models.identity import Identity
from saggar_generator.base_models.placement import memory_for
from saggar_generator.base_models.prompt_encoding import layers_to_skip
from saggar_generator.requests import AdapterPreview, TrainedAdapter, TrainingRequest
from saggar_generator.settings import ATTENTION
from saggar_generator.training.buckets.sizes import Size, in_words
from saggar_generator.training.examples import Examples, prepare, training_rows
from saggar_generator.training.group import Alone, Team
from saggar_generator.training.held_out import hold_out
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.previews import PreviewPlan, draw_previews, prompts_of
from saggar_generator.training.prior import prior_examples
from saggar_generator.training.results.writing import Writer, deciding, find_finished, missing_kept

log = logging.getLogger(__name__)

_LESS_MEMORY = (
    "lower batch_size and raise gradient_accumulation_steps as much, set gradient_checkpointing, lower "
    "resolution_px, or set SAGGAR_MEMORY to sliced or offloaded for the generator"
)
_REPORT_EVERY_S = 1.0


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
    identity = adapter_id(base.identity, manifest.sha256, settings, request.fresh)
    if finished := find_finished(store, identity, settings):
        store.delete(_checkpoint_key(identity))  # left where the process died between card and this
        return finished
    rows = training_rows(read_manifest(store, manifest))
    kept, measured = list(range(len(rows))), list[int]()
    if settings.validation_share:
        kept, measured = hold_out(rows, settings.validation_share, settings.seed)
    team = team or Alone()
    with memory_for("this training", base.placement, _LESS_MEMORY):
        prior = None
        if settings.prior_weight:
            prior = prior_examples(
                store, models, request.base_model, settings, [row.caption or "" for row in rows], work
            )
        words = new_words(base, settings, [rows[number].caption or "" for number in kept])
        examples = prepare(store, base, rows, settings, work, words.vocabulary if words else None)
        if examples.truncated_captions:
            log.warning(
                "%d of %d captions are longer than the text encoder's window; their ends have no effect",
                examples.truncated_captions,
                len(rows),
            )
        buckets = _buckets(examples.take(kept), base) if settings.framing == "buckets" else {}
        if buckets:
            _tell_buckets(buckets, settings.batch_size, work)
        held_out = examples.take(measured) if measured else None
        trained_on = [rows[number] for number in kept]
        with AdapterTraining(
            base,
            examples.take(kept),
            settings,
            measured_by=held_out,
            prior=prior,
            words=words.vectors if words else None,
            team=team,
        ) as training:
            left_out = [rows[number] for number in measured]
            writer = Writer(
                store,
                base,
                settings,
                identity,
                manifest,
                trained_on,
                left_out,
                buckets,
                words.vocabulary if words else None,
            )
            _Job(writer, training, work, on_preview, team).run([row.caption or "" for row in trained_on])
            if team.rank == 0:
                writer.finish(training)
                store.delete(_checkpoint_key(identity))
    team.agree(False)  # the first has written
    result = find_finished(store, identity, settings)
    if result is None:
        key = adapter.Keys(identity).card
        raise NotFoundError(f"{key}, or one kept of it, was deleted while it was in use; train the adapter again", key)
    return result


def _tell_buckets(counts: Mapping[Size, int], batch_size: int, work: Work) -> None:
    words, small = in_words(counts, batch_size), min(counts.values()) < batch_size
    log.log(logging.WARNING if small else logging.INFO, "%s", words)
    work.report(Progress("preparing images", message=words))


def _buckets(examples: Examples, base: BaseModel) -> dict[Size, int]:
    """How many photographs have which width and height in pixels."""
    factor = int(base.pipeline.vae_scale_factor)
    return {(width * factor, height * factor): len(rows) for (height, width), rows in examples.by_size.items()}


def adapter_id(base: Identity, manifest_sha256: str, settings: AdapterSettings, fresh: str = "") -> str:
    """16 hexadecimal digits that depend on all that decides the adapter, on the token under which it was asked for
    again, and on nothing else.
    """
    inputs = [4, asdict(base), manifest_sha256, deciding(settings), *([fresh] if fresh else [])]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class _Job:
    """The steps of one training, and what is done between them."""

    writer: Writer
    training: AdapterTraining
    work: Work
    on_preview: Callable[[AdapterPreview], None]
    team: Team

    def run(self, captions: Sequence[str]) -> None:
        training, settings = self.training, self.writer.settings
        prompts = prompts_of(settings, captions)
        self._begin()
        first, begun, reported = training.step, time.monotonic(), 0.0
        while training.step < settings.steps:
            if self.team.agree(self.work.cancelled.is_set()):
                if self._is_first and training.step > first:
                    self._write_checkpoint()
                self.work.cancelled.set()
            self.work.stop_if_cancelled("adapter training")
            loss = training.advance()
            if not self._is_first:
                continue
            now = time.monotonic()
            measured = self._is_due(settings.validation_every_steps) and training.measure() is not None
            if self._is_due(settings.preview_every_steps):
                self._draw(prompts)
            if training.step in settings.kept_steps:
                self.writer.keep(training)  # before the checkpoint, from which this step is not done again
            # The last step is kept too: what is written from it after a crash is the same again.
            if self._is_due(settings.checkpoint_every_steps):
                self._write_checkpoint()
            if now - reported >= _REPORT_EVERY_S or measured or training.step == settings.steps:
                reported = now
                pace = (training.step - first) / max(now - begun, 1e-9)
                self._report({"loss": loss, "steps_per_second": pace})

    def _begin(self) -> None:
        """Goes on from a checkpoint, or begins at the first step."""
        training, settings = self.training, self.writer.settings
        state_key = _checkpoint_key(self.writer.identity)
        if self._is_first:
            self.writer.write_held_out()
        if self.writer.store.exists(state_key) and self._restore(state_key):
            log.info("adapter training goes on from step %d of %d", training.step, settings.steps)
        elif settings.steps and self._is_first:
            training.measure()  # what the bare base model does

    def _write_checkpoint(self) -> None:
        key = _checkpoint_key(self.writer.identity)
        self.writer.store.replace(key, self.training.checkpoint(), adapter.WEIGHTS_TYPE)

    def _restore(self, state_key: str) -> bool:
        """Goes on from a checkpoint; False where it would pass by a step whose adapter is to be kept and is not."""
        writer = self.writer
        try:
            state = writer.store.get(state_key)
            step = checkpoint.unpack(state)[1]["step"] if writer.settings.keep_every_steps else 0
            if lacking := missing_kept(writer.store, writer.identity, writer.settings, step):
                log.info("adapter training begins again: the adapter after step %d was not kept", lacking[0])
                return False
            self.training.restore(state)
        except DataCorruptionError as error:
            raise DataCorruptionError(
                f"{state_key}: {error}; delete it from the store to train from the beginning"
            ) from error
        return True

    @property
    def _is_first(self) -> bool:
        return self.team.rank == 0

    def _is_due(self, every: int) -> bool:
        step = self.training.step
        return bool(every) and (step % every == 0 or step == self.writer.settings.steps)

    def _draw(self, prompts: Sequence[str]) -> None:
        try:
            plan = PreviewPlan(self.writer.identity, self.writer.settings, prompts, self.writer.vocabulary)
            made = draw_previews(self.writer.store, self.writer.base, plan, self.training.step, self.work)
        except CancelledError:  # the step that they show is kept before the job ends
            return
        self.training.previews += made
        for preview in made:
            self.on_preview(preview)

    def _report(self, metrics: dict[str, float]) -> None:
        training, settings = self.training, self.writer.settings
        if training.validation:
            metrics["validation_loss"] = training.validation[-1][1]
        self.work.report(Progress("training", training.step, settings.steps, "steps", metrics))


def _checkpoint_key(identity: str) -> str:
    return f"checkpoints/generator/{identity}/state.safetensors"
