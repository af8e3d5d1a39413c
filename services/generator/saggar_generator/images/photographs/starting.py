"""Images that start from a photograph instead of noise alone (image-to-image)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import StableDiffusionImg2ImgPipeline
from PIL import Image
from saggar.errors import FieldViolation, InvalidInputError
from saggar.images import decode
from saggar.store import ObjectStore

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.images.photographs.framing import framed
from saggar_generator.requests import StartImage


class FromPhotographs(StableDiffusionImg2ImgPipeline):  # type: ignore[misc]
    """diffusers' pipeline, but each photograph goes through the autoencoder alone, and noise is drawn as for
    images without one: an image does not depend on those it is made with, nor on the number format beyond rounding.
    """

    def prepare_latents(
        self,
        image: torch.Tensor,
        timestep: torch.Tensor,
        batch_size: int,  # noqa: ARG002
        num_images_per_prompt: int,  # noqa: ARG002 always 1
        dtype: torch.dtype,
        device: Any,
        generator: Sequence[torch.Generator] = (),
    ) -> torch.Tensor:
        """[B, C, h, w] latents of `image` [B, 3, H, W], with the noise of `timestep`."""
        pixels = image.to(device, dtype)
        means = torch.cat([self.vae.encode(one[None]).latent_dist.mode() for one in pixels])
        latents = means * self.vae.config.scaling_factor
        noise = draw_noise(tuple(latents.shape[1:]), generator).to(latents)
        noised: torch.Tensor = self.scheduler.add_noise(latents, noise, timestep)
        return noised


def from_photographs(base: BaseModel) -> FromPhotographs:
    """The pipeline of `base` with the same networks, in place; nothing is loaded."""
    pipeline = FromPhotographs(**base.pipeline.components, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)  # standard error belongs to the log
    return pipeline


def draw_noise(shape: tuple[int, ...], randoms: Sequence[torch.Generator]) -> torch.Tensor:
    """[B, *shape] each image's own noise; drawn in float32 on the CPU, so that it is the same on every
    device.
    """
    return torch.stack([torch.randn(shape, generator=random) for random in randoms])


def read_photograph(store: ObjectStore, start: StartImage, width_px: int, height_px: int) -> Image.Image:
    """The photograph that an image starts from, framed.

    Raises NotFoundError when it is missing, InvalidInputError when it cannot be decoded.
    """
    image = decode(store.read(start.image), start.image.key)
    return framed(image, width_px, height_px, start.framing)


def check_strength(strength: float, steps: int, field: str) -> None:
    """Raises InvalidInputError when so little gives way that no denoising step is left."""
    if int(steps * strength) < 1:
        text = f"{field} is {strength:g}, of {steps} steps less than one; raise it, or settings.steps"
        raise InvalidInputError(text, (FieldViolation(field, text),))
