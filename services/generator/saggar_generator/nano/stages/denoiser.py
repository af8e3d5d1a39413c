"""Stage 2: the UNet and, together with it, the text encoder, on latents made once.

Every step draws its random numbers from its own number, so a resumed run goes on exactly as an
uninterrupted one would.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from saggar.kilnsim import Piece
from saggar.taxonomy import load_taxonomy
from torch import nn
from transformers import PreTrainedTokenizerFast

from saggar_generator.nano import checkpoint, models
from saggar_generator.nano.captions import draw_caption
from saggar_generator.nano.pool import Pool

WARM_UP = 200
SNR_CAP = 6.0
NOISES = 2
"""Noise levels per picture and caption: the text encoder's work counts for that many."""


@dataclass(frozen=True)
class Denoiser:
    """Text encoder and UNet: as trained, and their running mean over the steps, which samples better."""

    trained: nn.ModuleDict
    mean: nn.ModuleDict


def train_denoiser(
    pool: Pool,
    latents: torch.Tensor,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    steps: int,
    *,
    seed: int,
    device: torch.device,
    precision: torch.dtype,
    batch: int = 32,
    twice: Sequence[str] = (),
    compiled: bool = False,
    rate: float = 4e-4,
    decay: float = 0.999,
    every: int = 50,
    save_every: int = 250,
) -> tuple[Denoiser, list[tuple[int, float]], list[dict[str, Any]]]:
    """Train to ``steps`` on scaled ``latents`` [n, 4, 16, 16], or go on from ``folder``'s checkpoint.

    ``batch`` pictures are used a step, each with ``NOISES`` noise levels; those of the types and glazes
    in ``twice`` are drawn twice as often as others. Returns the networks, the loss curve, (step, mean loss
    since the last entry), and the settings that held from which step on.
    """
    torch.manual_seed(seed)
    trained = nn.ModuleDict({"unet": models.unet(), "text": models.text_encoder(tokenizer)}).to(device)
    mean = copy.deepcopy(trained).requires_grad_(False)
    denoise = torch.compile(trained["unet"]) if compiled else trained["unet"]
    optimizer = torch.optim.AdamW(trained.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
    both = {"trained": trained, "mean": mean}
    generator = torch.Generator()
    state = checkpoint.load(folder, both, optimizer, generator) or {"step": 0, "curve": []}
    curve: list[tuple[int, float]] = [tuple(point) for point in state["curve"]]
    settings = {"steps": steps, "twice": list(twice), "decay": decay, "rate": rate}
    runs = _runs(state.get("runs", []), first := int(state["step"]), settings)
    taxonomy = load_taxonomy("kilnsim")
    kept = models.scheduler().alphas_cumprod.to(device)  # [1000], signal's share of the variance
    choice = lots(pool.pieces, twice)
    total, since, begun = 0.0, 0, time.monotonic()
    for step in range(first + 1, steps + 1):
        rng = np.random.default_rng([seed, step])
        generator.manual_seed(seed * 1_000_003 + step)
        rows = choice[rng.integers(len(choice), size=batch)]
        texts = [draw_caption(pool.pieces[row], taxonomy, rng) for row in rows]
        tokens = tokenizer(
            texts, padding="max_length", truncation=True, max_length=models.TOKENS, return_tensors="pt"
        ).input_ids.to(device)
        clean = latents[torch.from_numpy(rows)].repeat(NOISES, 1, 1, 1).to(device)
        times = torch.from_numpy(rng.permutation(len(clean)) + rng.random(len(clean)))
        times = (times * (len(kept) / len(clean))).long().to(device)  # evenly over all noise levels
        noise = torch.randn(clean.shape, generator=generator).to(device)
        signal, sigma = (part.sqrt().view(-1, 1, 1, 1) for part in (kept[times], 1.0 - kept[times]))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(step / WARM_UP, 1.0) * _cooling(step, steps)
        with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            text = embed(trained["text"], tokens, penultimate=bool(rng.random() < 0.5))
            text = text.repeat(NOISES, 1, 1)
            guess = denoise(signal * clean + sigma * noise, times, text).sample
        velocity = signal * noise - sigma * clean
        snr = kept[times] / (1.0 - kept[times])
        weight = (SNR_CAP / (snr + 1.0)).clamp(0.25, 1.0)  # little noise left: little to learn
        loss = ((guess.float() - velocity).square().mean((1, 2, 3)) * weight).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        _follow(mean, trained, min(decay, (1.0 + step) / (10.0 + step)))
        total, since = total + loss.item(), since + 1
        if step % every == 0 or step == steps:
            curve.append((step, total / since))
            pace = (time.monotonic() - begun) / (step - first)
            print(
                f"unet {step}/{steps}  loss {total / since:.4f}  {pace:.2f} s/step",
                file=sys.stderr,
                flush=True,
            )
            total, since = 0.0, 0
        if step % save_every == 0 or step == steps:
            state = {"step": step, "curve": curve, "runs": runs}
            checkpoint.save(folder, both, optimizer, generator, state)
    return Denoiser(trained, mean), curve, runs


def lots(pieces: Sequence[Piece], twice: Sequence[str]) -> np.ndarray:
    """Rows of ``pieces`` to draw from evenly, int64 [n]; twice where type or glaze is in ``twice``."""
    rows = np.arange(len(pieces))
    return np.concatenate([rows, rows[[piece.type in twice or piece.glaze in twice for piece in pieces]]])


def embed(encoder: nn.Module, tokens: torch.Tensor, penultimate: bool) -> torch.Tensor:
    """Text embeddings [b, 77, width]: the last or last but one layer, through the final layer norm."""
    hidden = encoder(tokens, output_hidden_states=True).hidden_states
    normalise: nn.Module = encoder.get_submodule("final_layer_norm")
    result: torch.Tensor = normalise(hidden[-2 if penultimate else -1])
    return result


def _runs(runs: list[dict[str, Any]], first: int, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """``runs`` and, where other settings hold after step ``first``, a further one."""
    if first < settings["steps"] and (not runs or runs[-1] != runs[-1] | settings):
        return [*runs, {"from_step": first + 1, **settings}]
    return runs


@torch.no_grad()
def _follow(mean: nn.Module, trained: nn.Module, decay: float) -> None:
    for slow, fast in zip(mean.parameters(), trained.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - decay)


def _cooling(step: int, steps: int) -> float:
    """1 for the first 70 %, then down to 0.05."""
    share = max(0.0, (step / steps - 0.7) / 0.3)
    return 1.0 - 0.95 * share
