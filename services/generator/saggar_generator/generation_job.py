"""Prompts to images in the store, each exactly once, whoever asks and however often."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from saggar.errors import AlreadyExistsError, DataCorruptionError
from saggar.store import ObjectRef, ObjectStore, put_image

from saggar_generator import adapter
from saggar_generator.basemodel import BaseModel, BaseModels
from saggar_generator.progress import Progress, Report, stop_if
from saggar_generator.provenance import encode_png
from saggar_generator.requests import GeneratedImage, GenerationSettings, PromptItem, Wanted
from saggar_generator.synthesis import Picture, check_settings, draw, encode_prompts

log = logging.getLogger(__name__)


def generate(
    store: ObjectStore,
    models: BaseModels,
    base_model: str,
    adapter_ref: ObjectRef | None,
    items: Sequence[PromptItem],
    settings: GenerationSettings,
    batch_size: int,
    report: Report,
    on_image: Callable[[GeneratedImage], None],
    cancelled: threading.Event,
) -> list[GeneratedImage]:
    """One image per item, in order. Sizes of 0 in `settings` are the base model's own; a `batch_size` of 0
    is chosen here.

    Every image is in the store, with its index entry, before the next batch begins: after a crash the same
    call goes on. Raises what the contract lists for `Generate`, as domain errors.
    """
    report(Progress("loading base model", message=base_model))
    base = models.get(base_model)
    settings = replace(
        settings, width_px=settings.width_px or base.size_px, height_px=settings.height_px or base.size_px
    )
    check_settings(base, settings)
    batch_size = batch_size or base.placement.default_batch_size(settings.width_px, settings.height_px)
    weights = _use_adapter(store, base, adapter_ref, settings)
    inputs = [_inputs(base, weights, item.wanted, settings) for item in items]
    finished: dict[str, GeneratedImage] = {}
    missing: dict[str, list[int]] = {}  # index key to the items that it serves: equal prompts are drawn once
    for number, (item, facts) in enumerate(zip(items, inputs, strict=True)):
        stop_if(cancelled, "generation")
        key = index_key(facts)
        found = _look_up(store, key, item, reused=True) if key not in missing else None
        if found:
            finished[item.prompt_id] = found
            on_image(found)
        else:
            missing.setdefault(key, []).append(number)
    report(Progress("generating", len(finished), len(items), "images"))
    wanted = {key: items[numbers[0]].wanted for key, numbers in missing.items()}
    encoded = encode_prompts(base, list(wanted.values()), settings)
    _warn_of_truncation([encoded[one.prompt].truncated_tokens for one in wanted.values()])
    begun, made, keys = time.monotonic(), 0, list(wanted)
    for pictures in draw(
        base,
        list(wanted.values()),
        encoded,
        settings,
        batch_size,
        on_step=lambda: stop_if(cancelled, "generation"),
    ):
        for key, picture in zip(keys[made : made + len(pictures)], pictures, strict=True):
            numbers = missing[key]
            _keep(store, key, picture, inputs[numbers[0]])
            for place, number in enumerate(numbers):
                image = _look_up(store, key, items[number], reused=place > 0)
                if image is None:
                    raise DataCorruptionError(
                        f"{key} names an image that is gone; delete {key} and call again"
                    )
                finished[image.prompt_id] = image
                on_image(image)
        made += len(pictures)
        pace = {"images_per_second": made / max(time.monotonic() - begun, 1e-9)}
        report(Progress("generating", len(finished), len(items), "images", pace))
    return [finished[item.prompt_id] for item in items]


def index_key(inputs: Mapping[str, Any]) -> str:
    """Where the image made from `inputs` is noted."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"generated/{digest[:2]}/{digest}.json"


def _use_adapter(
    store: ObjectStore, base: BaseModel, ref: ObjectRef | None, settings: GenerationSettings
) -> str:
    """The SHA-256 of the adapter's weights; empty without one."""
    if ref is None:
        adapter.detach(base)
        return ""
    card = adapter.read_card(store, ref)
    adapter.check_base(card, base)
    weights = card.weights.ref()
    adapter.use(base, weights.sha256, lambda: store.read(weights), settings.adapter_weight)
    return weights.sha256


def _inputs(
    base: BaseModel, adapter_sha256: str, wanted: Wanted, settings: GenerationSettings
) -> dict[str, Any]:
    """All that decides an image."""
    sampling = asdict(settings)
    if not adapter_sha256:
        del sampling["adapter_weight"]
    return {
        "format": 1,
        "base_model": base.content_hash,
        "prediction_type": base.scheduler_config.get("prediction_type", "epsilon"),
        "adapter": adapter_sha256,
        **asdict(wanted),
        "settings": sampling,
    }


def _look_up(store: ObjectStore, key: str, item: PromptItem, *, reused: bool) -> GeneratedImage | None:
    if not store.exists(key):
        return None
    try:
        entry = json.loads(store.get(key))
        image = ObjectRef(**entry["image"])
        truncated = int(entry["truncated_tokens"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataCorruptionError(
            f"{key} cannot be read ({error}); delete it to make the image again"
        ) from None
    if not store.exists(image.key):
        return None
    return GeneratedImage(item.prompt_id, image, item.wanted.seed, reused, truncated)


def _keep(store: ObjectStore, key: str, picture: Picture, inputs: Mapping[str, Any]) -> None:
    """The image first, then its index entry: what the index names is there."""
    facts = {
        "Software": "Saggar",
        "prompt": str(inputs["prompt"]),
        "negative_prompt": str(inputs["negative_prompt"]),
        "seed": str(inputs["seed"]),
        "base_model": str(inputs["base_model"]),
        "adapter": str(inputs["adapter"]),
        "settings": json.dumps(inputs["settings"], sort_keys=True),
    }
    image = put_image(store, encode_png(picture.pixels, facts), "png")
    entry = {"image": asdict(image), "inputs": inputs, "truncated_tokens": picture.truncated_tokens}
    try:
        store.put(key, json.dumps(entry, indent=1, sort_keys=True).encode(), "application/json")
    except AlreadyExistsError:
        log.info("%s was noted by another replica first; its image is taken", key)


def _warn_of_truncation(counts: Sequence[int]) -> None:
    if cut := [count for count in counts if count]:
        log.warning(
            "%d of %d prompts are longer than the text encoder's window; the last tokens (up to %d) have no "
            "effect",
            len(cut),
            len(counts),
            max(cut),
        )
