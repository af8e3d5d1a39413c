"""Images made with an adapter while it is in training, kept in the store beside it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from saggar.errors import AlreadyExistsError
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.images.provenance import encode_png
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.progress import stop_if
from saggar_generator.requests import AdapterPreview, Wanted

_CAPTIONS = 4  # shown unless prompts are given


def prompts_of(settings: AdapterSettings, captions: Sequence[str]) -> list[str]:
    """What previews show."""
    return list(settings.preview_prompts or list(dict.fromkeys(captions))[:_CAPTIONS])


def draw_previews(
    store: ObjectStore,
    base: BaseModel,
    adapter_id: str,
    settings: AdapterSettings,
    prompts: Sequence[str],
    step: int,
    cancelled: threading.Event,
) -> list[AdapterPreview]:
    """One image per prompt, with the adapter that is in the pipeline now; seeds are the same at every
    step.
    """
    sampling = GenerationSettings(
        clip_skip=settings.clip_skip, width_px=settings.resolution_px, height_px=settings.resolution_px
    )
    wanted = [Wanted(prompt, "", settings.seed + number) for number, prompt in enumerate(prompts)]
    encoded = encode_prompts(base, wanted, sampling)
    batch_size = base.placement.default_batch_size(sampling.width_px, sampling.height_px)
    batches = draw(
        base,
        wanted,
        encoded,
        sampling,
        min(batch_size, len(wanted)),
        on_step=lambda: stop_if(cancelled, "adapter training"),
    )
    pictures = [picture for batch in batches for picture in batch]
    found = []
    for number, (one, picture) in enumerate(zip(wanted, pictures, strict=True)):
        facts = {
            "prompt": one.prompt,
            "seed": str(one.seed),
            "base_model": base.content_hash,
            "adapter": f"{adapter_id} after {step} steps",
        }
        digest = hashlib.sha256(one.prompt.encode()).hexdigest()[:8]
        key = f"adapters/{adapter_id}/previews/{step:07d}-{number}-{digest}.png"
        image = _keep(store, key, encode_png(picture.pixels, facts))
        found.append(AdapterPreview(step, one.prompt, image))
    return found


def _keep(store: ObjectStore, key: str, data: bytes) -> ObjectRef:
    try:
        return store.put(key, data, "image/png")
    except AlreadyExistsError:  # drawn before a crash, perhaps on other hardware
        return store.stat(key)
