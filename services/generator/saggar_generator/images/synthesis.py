"""Prompts to pixels.

An image's bytes must not depend on those it is made with. Batches therefore always have the full size (the last one is
filled up by repeating), each image starts from the noise of its own seed, and prompts and photographs are
encoded one at a time: in a forward pass of a given shape, a row's result depends on that row alone. Another
batch size changes rounding and no more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from saggar.errors import WrongStateError
from saggar.job_settings.generation import GenerationSettings

from saggar_generator.base_models import schedulers
from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.prompt_encoding import MOST_WINDOWS, EncodedPrompt, encode_all
from saggar_generator.images.photographs.controlling import Control
from saggar_generator.images.photographs.starting import draw_noise, from_photographs
from saggar_generator.requests import ImageRequest, StartImage

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels` [H, W, 3] uint8, and the tokens that did not fit into the text encoder's windows."""

    pixels: npt.NDArray[np.uint8]
    truncated_tokens: int


def check_settings(base: BaseModel, settings: GenerationSettings) -> None:
    """Raises InvalidInputError for settings that `base` cannot follow."""
    base.check_size(settings.width_px, "settings.width_px")
    base.check_size(settings.height_px, "settings.height_px")


def encode_prompts(
    base: BaseModel, requests: Sequence[ImageRequest], settings: GenerationSettings
) -> dict[str, EncodedPrompt]:
    """Every different prompt and negative prompt of `requests`, encoded, and the empty one."""
    texts = ["", *(text for one in requests for text in (one.prompt, one.negative_prompt))]
    return encode_all(base.pipeline.tokenizer, base.pipeline.text_encoder, texts, settings.clip_skip, MOST_WINDOWS)


def prompt_length(encoded: Mapping[str, EncodedPrompt], one: ImageRequest, settings: GenerationSettings) -> int:
    """Tokens that an image's prompts take, the shorter filled up; images of one batch have equally many."""
    return max(encoded[text].length for text in _texts(one, settings))


def draw(
    base: BaseModel,
    requests: Sequence[ImageRequest],
    encoded: Mapping[str, EncodedPrompt],
    settings: GenerationSettings,
    batch_size: int,
    *,
    on_step: Callable[[], None] = lambda: None,
    open_photograph: Callable[[StartImage], Image.Image] | None = None,
    control: Control | None = None,
) -> Iterator[list[Picture]]:
    """Makes the images of `requests`, batch after batch, in order; calls `on_step` after every denoising step.

    The adapters that are set in the pipeline take part. Either all of `requests` start from photographs, with
    one strength, or none; likewise all or none follow one through `control`. A batch that does not fit into the
    GPU's memory is halved, and so are those after it. Raises WrongStateError when an image is not finite, or
    when not even one fits.
    """
    start = 0
    while start < len(requests):
        batch = _alike(requests[start : start + batch_size], encoded, settings)
        full = [*batch, *[batch[-1]] * (batch_size - len(batch))]
        try:
            pixels = _forward(
                base, full, encoded, settings, on_step=on_step, open_photograph=open_photograph, control=control
            )
        except torch.OutOfMemoryError:
            batch_size = _smaller(base, batch_size)
            continue
        yield [Picture(pixels[i], _truncated_tokens(encoded, one, settings)) for i, one in enumerate(batch)]
        start += len(batch)


def is_guided(settings: GenerationSettings) -> bool:
    """Whether the negative prompt has a say."""
    return settings.guidance_scale > 1


def _smaller(base: BaseModel, batch_size: int) -> int:
    if batch_size == 1:
        raise WrongStateError(
            f"{base.placement.name} does not have enough memory for one image; set SAGGAR_MEMORY to sliced or "
            "offloaded for the generator, ask for smaller images, or end what else uses it"
        )
    log.warning("%s has no memory for batches of %d; taking half", base.placement.name, batch_size)
    if base.placement.on_gpu:
        torch.cuda.empty_cache()
    return batch_size // 2


def _truncated_tokens(encoded: Mapping[str, EncodedPrompt], one: ImageRequest, settings: GenerationSettings) -> int:
    return max(encoded[text].truncated_tokens for text in _texts(one, settings))


def _texts(one: ImageRequest, settings: GenerationSettings) -> list[str]:
    return [one.prompt, one.negative_prompt] if is_guided(settings) else [one.prompt]


def _alike(
    requests: Sequence[ImageRequest], encoded: Mapping[str, EncodedPrompt], settings: GenerationSettings
) -> list[ImageRequest]:
    """The first of `requests` whose prompts are of one length."""
    length = prompt_length(encoded, requests[0], settings)
    return list(takewhile(lambda one: prompt_length(encoded, one, settings) == length, requests))


@torch.no_grad()
def _forward(
    base: BaseModel,
    batch: Sequence[ImageRequest],
    encoded: Mapping[str, EncodedPrompt],
    settings: GenerationSettings,
    *,
    on_step: Callable[[], None],
    open_photograph: Callable[[StartImage], Image.Image] | None,
    control: Control | None,
) -> npt.NDArray[np.uint8]:
    """[B, H, W, 3]."""
    base.pipeline.scheduler = schedulers.build(settings.scheduler, base.scheduler_config)  # it keeps state
    randoms = [torch.Generator().manual_seed(_unsigned(one.seed)) for one in batch]

    def after_step(*_: Any) -> dict[str, Any]:
        on_step()
        return {}

    pipeline, beginning = _beginning(base, batch, settings, randoms, open_photograph)
    if guides := [one.control for one in batch if one.control is not None]:
        if len(guides) < len(batch) or control is None:
            raise ValueError("a batch of which some follow a photograph")  # an error of this program
        pipeline = control.pipeline(base)
        beginning |= control.arguments(guides, settings.width_px, settings.height_px)
    length, empty = prompt_length(encoded, batch[0], settings), encoded[""]
    images = pipeline(
        prompt_embeds=torch.cat([encoded[one.prompt].widened(length, empty) for one in batch]),
        negative_prompt_embeds=(
            torch.cat([encoded[one.negative_prompt].widened(length, empty) for one in batch])
            if is_guided(settings)
            else None
        ),
        generator=randoms,  # ancestral samplers draw more from them
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        output_type="pt",
        callback_on_step_end=after_step,
        **beginning,
    ).images  # [B, 3, H, W], 0..1
    if not torch.isfinite(images).all():
        raise WrongStateError(
            f"the image of seed {batch[0].seed} or one of its batch is not finite in "
            f"{base.placement.precision}; set "
            "SAGGAR_PRECISION to bfloat16 or float32 for the generator, or lower guidance_scale or the "
            "adapters' weights"
        )
    scaled = (images.float().permute(0, 2, 3, 1) * 255).round()
    pixels: npt.NDArray[np.uint8] = scaled.to(torch.uint8).cpu().numpy()
    return pixels


def _beginning(
    base: BaseModel,
    batch: Sequence[ImageRequest],
    settings: GenerationSettings,
    randoms: Sequence[torch.Generator],
    open_photograph: Callable[[StartImage], Image.Image] | None,
) -> tuple[Any, dict[str, Any]]:
    """The pipeline for `batch`, and what it starts from: photographs, or each image's own noise."""
    starts = [one.start for one in batch if one.start is not None]
    if not starts:
        factor = int(base.pipeline.vae_scale_factor)
        channels = int(base.pipeline.unet.config.in_channels)
        noise = draw_noise((channels, settings.height_px // factor, settings.width_px // factor), randoms)
        return base.pipeline, {
            "latents": noise.to(base.placement.device, base.placement.dtype),
            "width": settings.width_px,
            "height": settings.height_px,
        }
    if len(starts) < len(batch) or len({one.strength for one in starts}) > 1 or open_photograph is None:
        raise ValueError("a batch whose images do not start alike")  # an error of this program
    photographs = [open_photograph(one) for one in starts]
    return from_photographs(base), {"image": photographs, "strength": starts[0].strength}


def _unsigned(seed: int) -> int:
    return seed % (1 << 63)
