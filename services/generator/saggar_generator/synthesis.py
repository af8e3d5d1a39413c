"""Prompts to pixels.

An image's bytes must not depend on its company. Batches therefore always have the full size (the last one is
filled up by repeating), each image starts from the noise of its own seed, and prompts are encoded one at a
time: in a forward pass of a given shape, a row's result depends on that row alone. Another batch size
changes rounding and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from saggar.errors import WrongStateError

from saggar_generator import schedulers
from saggar_generator.basemodel import BaseModel
from saggar_generator.examples import check_size
from saggar_generator.prompt_encoding import EncodedPrompt, check_clip_skip, encode_all
from saggar_generator.requests import GenerationSettings, Wanted


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels` [H, W, 3] uint8, and the tokens that did not fit into the text encoder's window."""

    pixels: npt.NDArray[np.uint8]
    truncated_tokens: int


def check_settings(base: BaseModel, settings: GenerationSettings) -> None:
    """Raises InvalidInputError for settings that `base` cannot follow."""
    schedulers.check_name(settings.scheduler)
    check_size(base, settings.width_px, "settings.width_px")
    check_size(base, settings.height_px, "settings.height_px")
    check_clip_skip(base.pipeline.text_encoder, settings.clip_skip)


def encode_prompts(
    base: BaseModel, wanted: Sequence[Wanted], settings: GenerationSettings
) -> dict[str, EncodedPrompt]:
    """Every different prompt and negative prompt of `wanted`, encoded."""
    texts = [text for one in wanted for text in (one.prompt, one.negative_prompt)]
    return encode_all(base.pipeline.tokenizer, base.pipeline.text_encoder, texts, settings.clip_skip)


def draw(
    base: BaseModel,
    wanted: Sequence[Wanted],
    encoded: Mapping[str, EncodedPrompt],
    settings: GenerationSettings,
    batch_size: int,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[list[Picture]]:
    """Makes the images of `wanted`, batch after batch, in order; calls `on_step` after every denoising step.

    The adapter that is set in the pipeline, if any, takes part. Raises WrongStateError when an image is not
    finite.
    """
    for start in range(0, len(wanted), batch_size):
        some = wanted[start : start + batch_size]
        full = [*some, *[some[-1]] * (batch_size - len(some))]
        pixels = _forward(base, full, encoded, settings, on_step)
        yield [Picture(pixels[i], encoded[one.prompt].truncated_tokens) for i, one in enumerate(some)]


@torch.no_grad()
def _forward(
    base: BaseModel,
    batch: Sequence[Wanted],
    encoded: Mapping[str, EncodedPrompt],
    settings: GenerationSettings,
    on_step: Callable[[], None],
) -> npt.NDArray[np.uint8]:
    """[B, H, W, 3]."""
    pipeline = base.pipeline
    pipeline.scheduler = schedulers.build(settings.scheduler, base.scheduler_config)  # it keeps state
    randoms = [torch.Generator().manual_seed(_unsigned(one.seed)) for one in batch]
    guided = settings.guidance_scale > 1

    def after_step(*_: Any) -> dict[str, Any]:
        on_step()
        return {}

    images = pipeline(
        prompt_embeds=torch.cat([encoded[one.prompt].embedding for one in batch]),
        negative_prompt_embeds=(
            torch.cat([encoded[one.negative_prompt].embedding for one in batch]) if guided else None
        ),
        latents=_noise(base, settings, randoms),
        generator=randoms,  # ancestral samplers draw more from them
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        width=settings.width_px,
        height=settings.height_px,
        output_type="pt",
        callback_on_step_end=after_step,
    ).images  # [B, 3, H, W], 0..1
    if not torch.isfinite(images).all():
        raise WrongStateError(
            f"the image of seed {batch[0].seed} or one of its batch is not finite in "
            f"{base.placement.precision}; set "
            "SAGGAR_PRECISION to bfloat16 or float32 for the generator, or lower guidance_scale or "
            "adapter_weight"
        )
    scaled = (images.float().permute(0, 2, 3, 1) * 255).round()
    pixels: npt.NDArray[np.uint8] = scaled.to(torch.uint8).cpu().numpy()
    return pixels


def _noise(base: BaseModel, settings: GenerationSettings, randoms: Sequence[torch.Generator]) -> torch.Tensor:
    """[B, C, h, w] each image's own noise; drawn in float32 on the CPU, so that it is the same on every
    device.
    """
    factor = int(base.pipeline.vae_scale_factor)
    shape = (
        int(base.pipeline.unet.config.in_channels),
        settings.height_px // factor,
        settings.width_px // factor,
    )
    noise = torch.stack([torch.randn(shape, generator=random) for random in randoms])
    return noise.to(base.placement.device, base.placement.dtype)


def _unsigned(seed: int) -> int:
    return seed % (1 << 63)
