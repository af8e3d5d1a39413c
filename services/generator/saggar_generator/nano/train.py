"""nano's training, both stages: pool, autoencoder, latents, denoiser, finished pipeline.

    python -m saggar_generator.nano train --out DIR

Stopped and called again, it goes on from the last checkpoint in its work folder.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from saggar_generator.nano.captions import build_tokenizer
from saggar_generator.nano.export import describe_training, export
from saggar_generator.nano.pool import open_pool
from saggar_generator.nano.stages.autoencoder import encode, train_autoencoder
from saggar_generator.nano.stages.denoiser import train_denoiser


@dataclass(frozen=True)
class Settings:
    """What decides the outcome of a training run."""

    pictures: int = 36_000
    seed: int = 1
    vae_steps: int = 3_500
    vae_batch: int = 8
    unet_steps: int = 17_500
    unet_batch: int = 16
    twice: tuple[str, ...] = ()
    """Types and glazes that the UNet sees twice as often as others."""
    compiled: bool = False
    """Compile the UNet first: minutes and a C++ compiler, for a fifth less time a step on a processor."""
    save_every: int = 500
    """Steps between checkpoints."""
    device: str = "cpu"
    precision: str = "auto"
    """bfloat16, float32, or auto: bfloat16 where the processor multiplies it natively."""


def train(settings: Settings, work: Path, cache: Path, out: Path) -> None:
    """Train nano with ``settings``: checkpoints in ``work``, pictures in ``cache``, pipeline in ``out``."""
    device = torch.device(settings.device)
    precision = _precision(settings.precision, device)
    pool = open_pool(cache, settings.pictures, settings.seed)
    vae, vae_curve = train_autoencoder(
        pool, work / "autoencoder", settings.vae_steps, seed=settings.seed, device=device,
        precision=precision, batch=settings.vae_batch,
        save_every=settings.save_every,
    )  # fmt: skip
    path = work / f"latents-{settings.pictures}-{settings.vae_steps}.safetensors"
    if not path.exists():
        print(f"encoding {len(pool.images)} pictures", file=sys.stderr, flush=True)
        save_file({"latents": encode(vae, pool.images, device)}, path)
    latents = load_file(path)["latents"] * vae.config.scaling_factor
    tokenizer = build_tokenizer()
    denoiser, unet_curve, runs = train_denoiser(
        pool, latents, tokenizer, work / "denoiser", settings.unet_steps, seed=settings.seed,
        device=device, precision=precision, batch=settings.unet_batch, twice=settings.twice,
        compiled=settings.compiled, save_every=settings.save_every,
    )  # fmt: skip
    manifest = describe_training(
        pool,
        settings.seed,
        {"autoencoder": vae_curve, "unet": unet_curve},
        unet_runs=runs,
        settings=asdict(settings) | {"precision": str(precision).removeprefix("torch.")},
    )
    export(out, vae.cpu(), denoiser.mean.cpu(), tokenizer, manifest)
    print(f"wrote {out}", file=sys.stderr)


def _precision(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        # Without these instructions bfloat16 is emulated and slower than float32.
        return torch.bfloat16 if torch.cpu.get_capabilities().get("avx512_bf16") else torch.float32
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[name]
