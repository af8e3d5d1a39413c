"""Stage 1: the autoencoder, from pixels to 16x16 latents and back.

Loss: absolute error at three resolutions and of the gradients, so that outlines, crackle and flat colours
all count, plus a very small KL term that keeps the latents near a unit normal.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from saggar_generator.nano import checkpoint, models
from saggar_generator.nano.pool import Pool

KL_WEIGHT = 1e-6
VIVID = 4.0
"""Training sees pictures with this much more colour: porcelain and grey walls hardly have any, and the
networks would learn light and shade long before hue. The stretch is linear, so in the end it is folded
into the first and the last convolution."""
START_SPREAD = -6.0
"""Log variance of the untrained latents: at 0, the usual start, noise would drown them for long."""
WARM_UP = 100


def train_autoencoder(
    pool: Pool,
    folder: Path,
    steps: int,
    *,
    seed: int,
    device: torch.device,
    precision: torch.dtype,
    batch: int = 8,
    rate: float = 3e-4,
    every: int = 100,
    save_every: int = 500,
) -> tuple[AutoencoderKL, list[tuple[int, float]]]:
    """Train for ``steps`` (or go on from the checkpoint in ``folder``); returns model and loss curve.

    The curve holds (step, mean loss since the last entry). The model's ``scaling_factor`` is set so
    that latents have a standard deviation of 1.
    """
    torch.manual_seed(seed)
    vae = models.autoencoder().to(device)
    with torch.no_grad():
        vae.quant_conv.weight[models.LATENT_CHANNELS :] = 0.0
        vae.quant_conv.bias[models.LATENT_CHANNELS :] = START_SPREAD
    optimizer = torch.optim.AdamW(vae.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=1e-4)
    generator = torch.Generator().manual_seed(seed)
    state = checkpoint.load(folder, {"vae": vae}, optimizer, generator) or {"step": 0, "curve": []}
    curve: list[tuple[int, float]] = [tuple(point) for point in state["curve"]]
    total, since, begun = 0.0, 0, time.monotonic()
    vae.train()
    for step in range(state["step"] + 1, steps + 1):
        rows = torch.randint(len(pool.images), (batch,), generator=generator)
        images = _stretch(_pixels(pool.images[np.sort(rows.numpy())], device))  # [b, 3, 64, 64]
        for group in optimizer.param_groups:
            group["lr"] = rate * min(step / WARM_UP, 1.0) * _cooling(step, steps)
        with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            posterior = vae.encode(images).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator).to(device)
            decoded = vae.decode(posterior.mean + posterior.std * noise).sample
        loss = _difference(decoded.float(), images) + KL_WEIGHT * posterior.kl().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        total, since = total + loss.item(), since + 1
        if step % every == 0 or step == steps:
            curve.append((step, total / since))
            pace = (time.monotonic() - begun) / (step - state["step"])
            print(
                f"autoencoder {step}/{steps}  loss {total / since:.4f}  {pace:.2f} s/step",
                file=sys.stderr,
                flush=True,
            )
            total, since = 0.0, 0
        if step % save_every == 0 or step == steps:
            now = {"step": step, "curve": curve}
            checkpoint.save(folder, {"vae": vae}, optimizer, generator, now)
    vae.eval()
    _fold_stretch(vae)
    sample = encode(vae, pool.images[:1024], device)
    vae.register_to_config(scaling_factor=float(1.0 / sample.std()))
    return vae, curve


@torch.no_grad()
def encode(vae: AutoencoderKL, images: np.ndarray, device: torch.device) -> torch.Tensor:
    """Latent means [n, 4, 16, 16] of uint8 images [n, 64, 64, 3], not scaled."""
    parts = [vae.encode(_pixels(images[i : i + 64], device)).latent_dist.mean.cpu() for i in range(0, len(images), 64)]
    return torch.cat(parts).contiguous()


def _pixels(images: np.ndarray, device: torch.device) -> torch.Tensor:
    batch = torch.from_numpy(np.array(images)).to(device)
    return batch.permute(0, 3, 1, 2).float().contiguous().div_(127.5).sub_(1.0)


def _stretch(images: torch.Tensor) -> torch.Tensor:
    grey = images.mean(1, keepdim=True)
    return grey + VIVID * (images - grey)


@torch.no_grad()
def _fold_stretch(vae: AutoencoderKL) -> None:
    """Let the autoencoder take and give ordinary pictures instead of stretched ones."""
    grey = torch.full((3, 3), 1.0 / 3.0, device=vae.device)
    colour = torch.eye(3, device=vae.device) - grey
    first, last = vae.encoder.conv_in, vae.decoder.conv_out
    stretch, shrink = grey + VIVID * colour, grey + colour / VIVID
    first.weight.copy_(torch.einsum("ochw,ci->oihw", first.weight, stretch))
    last.weight.copy_(torch.einsum("oc,cihw->oihw", shrink, last.weight))
    last.bias.copy_(shrink @ last.bias)


def _difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    error = a - b
    loss = error.abs().mean() + error.square().mean()
    loss = loss + 0.5 * (error[..., 1:] - error[..., :-1]).abs().mean()
    loss = loss + 0.5 * (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    for _ in range(2):
        error = functional.avg_pool2d(error, 2)
        loss = loss + 0.5 * error.abs().mean()
    return loss


def _cooling(step: int, steps: int) -> float:
    """1 for the first 60 %, then down to 0.05."""
    share = max(0.0, (step / steps - 0.6) / 0.4)
    return 1.0 - 0.95 * share
