"""The adapters of one training in the store: written, and found again.

An adapter that was kept on the way is one like any other, with an id, weights and a card of its own; its card names the
training. Beside the training's own adapter, `kept/` names those that were kept of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saggar.dataset.record import Record
from saggar.job_settings.adapter import AdapterSettings
from saggar.learnt_words import Vocabulary
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.adapters import adapter, learnt_words
from saggar_generator.adapters.stored_object import StoredObject, put_once
from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.requests import KeptAdapter, TrainedAdapter
from saggar_generator.training import optimizing
from saggar_generator.training.buckets.sizes import Size
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.results import file_metadata

_JSON = "application/json"
# They say when something is written or looked at, and decide neither the weights nor what is said of them.
_NOT_DECIDING = {
    "checkpoint_every_steps",
    "keep_every_steps",
    "validation_every_steps",
    "preview_every_steps",
    "preview_prompts",
    "gradient_checkpointing",
}
_PRIOR = {"prior_weight", "prior_images", "prior_prompts"}  # they decide nothing without weight
_WORDS = {"learnt_phrases", "vectors_per_word", "word_learning_rate"}  # nor these without words to learn


def deciding(settings: AdapterSettings) -> dict[str, Any]:
    """The settings that decide the adapter: its weights, and what its files say of it."""
    left_out = (
        _NOT_DECIDING | (set() if settings.prior_weight else _PRIOR) | (set() if settings.learns_words else _WORDS)
    )
    return {key: value for key, value in settings.model_dump().items() if key not in left_out}


def kept_id(training: str, step: int) -> str:
    """The id of the adapter that the training of adapter `training` keeps after `step` steps."""
    return hashlib.sha256(json.dumps(["kept", training, step]).encode()).hexdigest()[:16]


def find_finished(store: ObjectStore, identity: str, settings: AdapterSettings) -> TrainedAdapter | None:
    """The adapter with all that `settings` keep of its training; None where any of it is missing."""
    card_key = adapter.Keys(identity).card
    if not store.exists(card_key) or missing_kept(store, identity, settings, settings.steps):
        return None
    ref = store.stat(card_key)
    card = adapter.read_card(store, ref)
    return TrainedAdapter(
        adapter=ref,
        weights=card.weights.ref(),
        final_loss=card.final_loss or 0.0,
        steps=card.steps,
        kohya_weights=card.kohya_weights.ref() if card.kohya_weights else None,
        curve=card.curve.ref() if card.curve else None,
        validation_loss=card.validation_loss,
        kept=tuple(_find_kept(store, identity, step) for step in settings.kept_steps),
    )


def missing_kept(store: ObjectStore, identity: str, settings: AdapterSettings, until: int) -> list[int]:
    """Steps up to `until` after which `settings` keep an adapter that the store lacks."""
    return [
        step
        for step in settings.kept_steps
        if step <= until
        and not (
            store.exists(adapter.Keys(identity).kept(step))  # written last
            and store.exists(adapter.Keys(kept_id(identity, step)).card)
        )
    ]


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes what one training makes. `rows` are those trained on, by size in `buckets` where they have several;
    `held_out` those measured by.
    """

    store: ObjectStore
    base: BaseModel
    settings: AdapterSettings
    identity: str
    manifest: ObjectRef
    rows: Sequence[Record]
    held_out: Sequence[Record] = ()
    buckets: Mapping[Size, int] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None

    def write_held_out(self) -> None:
        """Which photographs of the manifest the training leaves out; of one that leaves out none, nothing."""
        if self.held_out:
            found = {
                "images": sorted({row.image for row in self.held_out}),
                "objects": sorted({row.object_id for row in self.held_out}),
            }
            put_once(self.store, adapter.Keys(self.identity).held_out, _as_json(found), _JSON)

    def finish(self, training: AdapterTraining) -> None:
        """Weights and curve first, the card last: what it names is there."""
        keys = adapter.Keys(self.identity)
        weights, kohya = adapter.put_weights(
            self.store, self.identity, training.layers(), self._file_metadata(self.identity)
        )
        curve = put_once(self.store, keys.curve, _curve(training, self.settings), _JSON)
        card = adapter.AdapterCard(
            adapter_id=self.identity,
            validation_loss=training.validation[-1][1] if training.validation else None,
            curve=StoredObject.of(curve),
            previews=tuple(
                adapter.Preview(step=one.step, prompt=one.prompt, image=StoredObject.of(one.image))
                for one in training.previews
            ),
            weights=StoredObject.of(weights),
            kohya_weights=StoredObject.of(kohya),
            learnt_words=self._put_words(training, self.identity, self._file_metadata(self.identity)),
            **self._card_facts(training),
        )
        put_once(self.store, keys.card, card.to_bytes(), _JSON)

    def keep(self, training: AdapterTraining) -> None:
        """The adapter as it is after the last step: weights, card, and at last its name beside the training's own."""
        step = training.step
        identity = kept_id(self.identity, step)
        metadata = self._file_metadata(identity) | {
            "saggar.kept_from": self.identity,
            "ss_steps": str(step),
        }
        weights, kohya = adapter.put_weights(self.store, identity, training.layers(), metadata)
        measured_at, loss = training.validation[-1] if training.validation else (None, None)
        card = adapter.AdapterCard(
            adapter_id=identity,
            kept_from=self.identity,
            validation_loss=loss if measured_at == step else None,
            weights=StoredObject.of(weights),
            kohya_weights=StoredObject.of(kohya),
            learnt_words=self._put_words(training, identity, metadata),
            **self._card_facts(training),
        )
        put_once(self.store, adapter.Keys(identity).card, card.to_bytes(), _JSON)
        name = adapter.Keys(self.identity).kept(step)
        put_once(self.store, name, _as_json({"adapter": identity, "step": step}), _JSON)

    def _put_words(
        self, training: AdapterTraining, identity: str, metadata: Mapping[str, str]
    ) -> learnt_words.LearntWords | None:
        if self.vocabulary is None:
            return None
        own = file_metadata.of_word(metadata)
        return learnt_words.put(self.store, identity, training.words(), self.vocabulary, own)

    def _file_metadata(self, identity: str) -> dict[str, str]:
        words = self.vocabulary.learnt if self.vocabulary else {}
        material = file_metadata.Material(_dataset_id(self.manifest), len(self.rows), self._caption, words)
        return file_metadata.of_training(identity, self.base, self.settings, deciding(self.settings), material)

    def _card_facts(self, training: AdapterTraining) -> dict[str, Any]:
        base, settings = self.base, self.settings
        return {
            "base_model": base.spec,
            "base_hash": base.content_hash,
            "prediction_type": base.prediction_type,
            "settings": deciding(settings),
            "target_modules": settings.unet_targets,
            "manifest": StoredObject.of(self.manifest),
            "images": len(self.rows),
            "held_out_images": len(self.held_out),
            "buckets": {f"{width}x{height}": count for (width, height), count in sorted(self.buckets.items())},
            "caption_template": settings.caption_template,
            "caption_sample": self._caption,
            "licence": settings.licence,
            "steps": training.step,
            "final_loss": training.final_loss,
            "libraries": adapter.library_versions(),
        }

    @property
    def _caption(self) -> str:
        return self.rows[0].caption or ""


def _find_kept(store: ObjectStore, identity: str, step: int) -> KeptAdapter:
    ref = store.stat(adapter.Keys(kept_id(identity, step)).card)
    return KeptAdapter(step, ref, adapter.read_card(store, ref).weights.ref())


def _curve(training: AdapterTraining, settings: AdapterSettings) -> bytes:
    warm_up, schedule = settings.rising_steps, settings.learning_rate_schedule
    rates = [
        settings.learning_rate * optimizing.rate_factor(step, settings.steps, warm_up, schedule)
        for step in range(training.step)
    ]
    return _as_json(
        {
            "loss": training.losses,
            "learning_rate": rates,
            "validation": [{"step": step, "loss": loss} for step, loss in training.validation],
        }
    )


def _as_json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _dataset_id(manifest: ObjectRef) -> str:
    """`datasets/<id>/manifest.parquet`; another key names itself."""
    parts = manifest.key.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "datasets" else manifest.key
