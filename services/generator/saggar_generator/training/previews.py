"""Images made with an adapter while it is in training, kept in the store beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from saggar.errors import AlreadyExistsError
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.learnt_words import Vocabulary, with_words
from saggar.progress import Work
from saggar.store import ObjectRef, ObjectStore
from saggar.webui.prompt_syntax import parse_prompt

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.images.provenance import encode_png
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.requests import AdapterPreview, ImageRequest

_CAPTIONS = 4  # shown unless prompts are given


def prompts_of(settings: AdapterSettings, captions: Sequence[str]) -> list[str]:
    """What previews show."""
    given = [parse_prompt(prompt).text for prompt in settings.preview_prompts]
    return given or list(dict.fromkeys(captions))[:_CAPTIONS]


@dataclass(frozen=True)
class PreviewPlan:
    """The previews of one training, the same at each of its steps but for the adapter."""

    adapter_id: str
    settings: AdapterSettings
    prompts: Sequence[str]
    vocabulary: Vocabulary | None = None  # of words in training


def draw_previews(
    store: ObjectStore, base: BaseModel, plan: PreviewPlan, step: int, work: Work
) -> list[AdapterPreview]:
    """One image per prompt, with the adapter that is in the pipeline now; seeds are the same at every
    step.
    """
    settings = plan.settings
    sampling = GenerationSettings(
        clip_skip=settings.clip_skip, width_px=settings.resolution_px, height_px=settings.resolution_px
    )
    vocabularies = [plan.vocabulary] if plan.vocabulary else []
    requests = [
        ImageRequest(with_words(prompt, vocabularies), "", settings.seed + number)
        for number, prompt in enumerate(plan.prompts)
    ]
    encoded = encode_prompts(base, requests, sampling)
    batch_size = base.placement.default_batch_size(sampling.width_px, sampling.height_px)
    batches = draw(
        base,
        requests,
        encoded,
        sampling,
        min(batch_size, len(requests)),
        on_step=lambda: work.stop_if_cancelled("adapter training"),
    )
    pictures = [picture for batch in batches for picture in batch]
    found = []
    for number, (prompt, one, picture) in enumerate(zip(plan.prompts, requests, pictures, strict=True)):
        facts = {
            "prompt": prompt,
            **({} if one.prompt == prompt else {"prompt_with_words": one.prompt}),
            "seed": str(one.seed),
            "base_model": base.content_hash,
            "adapter": f"{plan.adapter_id} after {step} steps",
        }
        digest = hashlib.sha256(prompt.encode()).hexdigest()[:8]
        key = f"adapters/{plan.adapter_id}/previews/{step:07d}-{number}-{digest}.png"
        image = _keep(store, key, encode_png(picture.pixels, facts))
        found.append(AdapterPreview(step, prompt, image))
    return found


def _keep(store: ObjectStore, key: str, data: bytes) -> ObjectRef:
    try:
        return store.put(key, data, "image/png")
    except AlreadyExistsError:  # drawn before a crash, perhaps on other hardware
        return store.stat(key)
