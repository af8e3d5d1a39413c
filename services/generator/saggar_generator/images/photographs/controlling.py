"""Images that follow the form of a photograph through a ControlNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionControlNetPipeline
from saggar.errors import InvalidInputError
from saggar.images import decode
from saggar.job_settings.generation import ControlSettings
from saggar.outlines import find_outline
from saggar.store import ObjectRef, ObjectStore
from scipy import ndimage  # type: ignore[import-untyped]
from skimage.color import rgb2lab
from skimage.feature import canny

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.control_net import ControlNet
from saggar_generator.images.photographs.framing import framed

_LOW, _HIGH = 100 / 255, 200 / 255  # of the gradient; Canny's thresholds in the ControlNet authors' demonstration


@dataclass(frozen=True, eq=False)
class Control:
    """A ControlNet, how it steers, and where its photographs lie."""

    net: ControlNet
    settings: ControlSettings
    store: ObjectStore

    def inputs(self, photograph: ObjectRef) -> dict[str, Any]:
        """What of it decides an image."""
        return {
            "sha256": self.net.content_hash,
            "photograph": photograph.sha256,
            **self.settings.model_dump(),
        }

    def pipeline(self, base: BaseModel) -> StableDiffusionControlNetPipeline:
        """The pipeline of `base` with the same networks and this one; nothing is loaded."""
        pipeline = StableDiffusionControlNetPipeline(
            **base.pipeline.components, controlnet=self.net.network, requires_safety_checker=False
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def arguments(self, photographs: list[ObjectRef], width_px: int, height_px: int) -> dict[str, Any]:
        """What the pipeline takes beside what others take; conditions [B, 3, H, W] from 0 to 1."""
        return {
            "image": torch.stack([self._condition(ref, width_px, height_px) for ref in photographs]),
            "controlnet_conditioning_scale": self.settings.scale,
            "control_guidance_start": self.settings.begin,
            "control_guidance_end": self.settings.end,
        }

    def _condition(self, ref: ObjectRef, width_px: int, height_px: int) -> torch.Tensor:
        image = framed(decode(self.store.read(ref), ref.key), width_px, height_px, self.settings.framing)
        lines = condition(np.asarray(image.convert("RGB")), self.settings.condition, ref.key)
        return torch.from_numpy(lines.astype(np.float32)).expand(3, -1, -1)


def condition(pixels: Any, kind: str, name: str) -> Any:
    """[H, W] bool, the lines of `pixels` [H, W, 3] uint8: Canny's edges, or the outline of the piece.

    Raises InvalidInputError, which calls the photograph `name`, when no piece stands out from its ground.
    """
    if kind == "edges":
        grey = np.asarray(pixels, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
        return canny(grey, sigma=1.0, low_threshold=_LOW, high_threshold=_HIGH)  # type: ignore[no-untyped-call]
    mask = find_outline(rgb2lab(pixels).astype(np.float32)).mask
    if not mask.any():
        raise InvalidInputError(f"{name}: no piece stands out from its ground; take condition: edges")
    return mask & ~ndimage.binary_erosion(mask)
