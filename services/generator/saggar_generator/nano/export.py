"""The finished pipeline on disk: half precision, as diffusers saves it, with the training manifest."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from torch import nn
from transformers import PreTrainedTokenizerFast

from saggar_generator.nano import models
from saggar_generator.nano.pool import IMAGE_SIZE, Pool

LIBRARIES = ("torch", "diffusers", "transformers", "tokenizers", "safetensors", "numpy")


def export(
    out: Path,
    vae: AutoencoderKL,
    denoiser: nn.ModuleDict,
    tokenizer: PreTrainedTokenizerFast,
    manifest: dict[str, Any],
) -> None:
    """Write the pipeline and ``training.json`` to ``out``, whole or not at all, replacing what is there."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    tokenizer.backend_tokenizer.no_padding()  # how it was last called is no part of it
    tokenizer.backend_tokenizer.no_truncation()
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser["text"],
        tokenizer=tokenizer,
        unet=denoiser["unet"],
        scheduler=models.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(part)
    pipeline.to(dtype=torch.float32)
    for path in part.rglob("*.safetensors"):
        path.chmod(0o644)
    manifest = {**manifest, "files": _hashes(part), "libraries": {n: version(n) for n in LIBRARIES}}
    manifest["python"] = platform.python_version()
    (part / "training.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    if out.exists():
        old = out.with_name(out.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        out.replace(old)
        part.replace(out)
        shutil.rmtree(old)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.replace(out)


def describe_training(
    pool: Pool, seed: int, curves: dict[str, list[tuple[int, float]]], **facts: object
) -> dict[str, Any]:
    """What nano saw: every number here is counted from the pool that was trained on."""
    return {
        "domain": sorted({piece.domain for piece in pool.pieces}),
        "image_size_px": IMAGE_SIZE,
        "pictures": len(pool.pieces),
        "pictures_sha256": hashlib.sha256(pool.images.tobytes()).hexdigest(),
        "seed": seed,
        "glaze_type_pairs": pool.pair_counts(),
        **facts,
        "loss": {name: [[s, round(v, 5)] for s, v in curve] for name, curve in curves.items()},
    }


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
