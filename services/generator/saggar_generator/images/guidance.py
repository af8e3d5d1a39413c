"""Guidance that differs from image to image, for variety: drawn from a range by each image's own seed."""

from __future__ import annotations

from saggar.dataset.seeds import derived_seed
from saggar.job_settings.generation import GenerationSettings


def with_drawn_guidance(settings: GenerationSettings, seed: int) -> GenerationSettings:
    """`settings` of the image of `seed`: one guidance scale, no range."""
    low, high = settings.guidance_scale, settings.guidance_scale_to
    if high is None:
        return settings
    levels = (low, round((low + high) / 2, 4), high)  # few: images of one guidance are made together
    drawn = levels[derived_seed("guidance", seed) % len(levels)]
    return settings.with_values(guidance_scale=drawn, guidance_scale_to=None)
