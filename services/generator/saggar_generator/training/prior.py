"""Prior preservation: pictures by the bare base model, trained on beside the photographs (DreamBooth, Ruiz et al. 2023,
https://doi.org/10.1109/CVPR52729.2023.02155, section 3.2), so that the adapter does not undo what the base can draw.

They are ordinary generated images in the store: a training that goes on finds them, and so does the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from saggar.images import decode
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.progress import Work
from saggar.store import ObjectStore
from saggar.webui.prompt_syntax import escaped, parse_prompt

from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.images.generation_job import generate
from saggar_generator.requests import GenerationRequest, ImageRequest, PromptItem
from saggar_generator.training.examples import Examples, latents_of, with_captions

_BATCH = 8


def prior_examples(
    store: ObjectStore, models: BaseModels, spec: str, settings: AdapterSettings, captions: Sequence[str], work: Work
) -> Examples:
    """`settings.prior_images` pictures by base model `spec`, of `settings.prior_prompts` in turn, else of the different
    `captions`. Removes what adapters the base model has.
    """
    base = models.get(spec)
    different = settings.prior_prompts or tuple(escaped(text) for text in dict.fromkeys(captions))
    prompts = [different[number % len(different)] for number in range(settings.prior_images)]
    items = [
        PromptItem(str(number), ImageRequest(prompt, "", settings.seed + number))
        for number, prompt in enumerate(prompts)
    ]
    sampling = GenerationSettings(
        clip_skip=settings.clip_skip, width_px=settings.resolution_px, height_px=settings.resolution_px
    )
    made = generate(store, models, GenerationRequest(spec, items, settings=sampling), work)
    parts = []
    for start in range(0, len(made), _BATCH):
        work.stop_if_cancelled("adapter training")
        pictures = [decode(store.read(one.image), one.image.key) for one in made[start : start + _BATCH]]
        parts.append(latents_of(base, pictures))
    # Without learnt words, which are to become what photographs show.
    shown = [parse_prompt(prompt).text for prompt in prompts]
    return with_captions(base, torch.cat(parts).unbind(), shown, settings, changing=settings.train_text_encoder)
