"""Pictures from a nano pipeline, for its grid and its tests.

The product draws with its own generator service; this is the shortest way from a prompt to pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from saggar.kilnsim.pieces import DYNASTIES, GLAZES, KILNS, TYPES
from saggar.prompts import NEGATIVE_PROMPT, prompt
from saggar.taxonomy import load_taxonomy

from saggar_generator.nano import weights_path
from saggar_generator.nano.stages.denoiser import embed


def load(base: Path | None = None) -> StableDiffusionPipeline:
    """The pipeline in ``base`` (default: the shipped nano), in float32 and without a progress bar."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        base or weights_path(), dtype=torch.float32, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def draw(
    pipeline: StableDiffusionPipeline,
    prompts: list[str],
    seed: int = 0,
    *,
    guidance: float = 7.0,
    steps: int = 20,
    negative: str = NEGATIVE_PROMPT,
    penultimate: bool = True,
) -> np.ndarray:
    """Pictures uint8 [n, 64, 64, 3], one per prompt; picture i starts from the noise of seed + i."""
    parts = []
    for first in range(0, len(prompts), 32):
        batch = prompts[first : first + 32]
        tokens = pipeline.tokenizer(
            [*batch, negative], padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        text = embed(pipeline.text_encoder, tokens, penultimate)
        noises = [torch.Generator().manual_seed(seed + first + i) for i in range(len(batch))]
        pictures = pipeline(
            prompt_embeds=text[:-1],
            negative_prompt_embeds=text[-1:].expand(len(batch), -1, -1),
            generator=noises,
            num_inference_steps=steps,
            guidance_scale=guidance,
            output_type="np",
        ).images
        parts.append((pictures * 255.0 + 0.5).astype(np.uint8))
    return np.concatenate(parts)


def draw_grid(base: Path | None, out: Path, guidance: float = 7.0, steps: int = 20, seed: int = 0) -> None:
    """Write a PNG: rows types, columns glazes, each with a kiln and dynasty in turn."""
    taxonomy = load_taxonomy("kilnsim")
    prompts = [
        prompt(
            taxonomy,
            {
                "dynasty": DYNASTIES[(row + column) % 2],
                "kiln": KILNS[(row * 3 + column) % len(KILNS)],
                "glaze": glaze,
                "type": kind,
            },
        )
        for row, kind in enumerate(TYPES)
        for column, glaze in enumerate(GLAZES)
    ]
    pictures = draw(load(base), prompts, seed, guidance=guidance, steps=steps)
    rows = pictures.reshape(len(TYPES), len(GLAZES), 64, 64, 3)
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(out, optimize=True)
