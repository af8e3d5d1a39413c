"""The optimiser of adapter training, its learning rate over time, and its state as plain tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from saggar.errors import WrongStateError
from saggar.job_settings.adapter import AdapterSettings

WEIGHT_DECAY = 1e-2  # of AdamW; the diffusers LoRA example's
WORD_RATE = (
    5e-4  # of learnt words, unless the settings say otherwise; what web UIs' guides to textual inversion begin with
)
WORDS = "words"


def build(settings: AdapterSettings, parts: Mapping[str, list[torch.nn.Parameter]]) -> torch.optim.Optimizer:
    """AdamW over the weights of each part; each group keeps its full rate as `full_lr`. Learnt words (part `words`) do
    not decay: their vectors are of the size of the others in the vocabulary, not changes from 0.

    Raises WrongStateError when 8-bit moments are asked for and bitsandbytes is not installed.
    """
    rates = {
        "unet": settings.learning_rate,
        "text_encoder": text_encoder_rate(settings),
        WORDS: settings.word_learning_rate or WORD_RATE,
    }
    groups = [
        {"params": weights, "lr": rates[part], "full_lr": rates[part]}
        | ({"weight_decay": 0.0} if part == WORDS else {})
        for part, weights in parts.items()
    ]
    optimizer: torch.optim.Optimizer = _kind(settings.optimizer)(groups, weight_decay=WEIGHT_DECAY)
    return optimizer


def text_encoder_rate(settings: AdapterSettings) -> float:
    """Half of the UNet's unless the settings say otherwise: the text encoder overfits sooner."""
    given = settings.text_encoder_learning_rate
    return settings.learning_rate / 2 if given is None else given


def set_rate(optimizer: torch.optim.Optimizer, step: int, settings: AdapterSettings) -> float:
    """Gives every group its learning rate for `step`; returns the factor."""
    factor = rate_factor(step, settings.steps, settings.rising_steps, settings.learning_rate_schedule)
    for group in optimizer.param_groups:
        group["lr"] = group["full_lr"] * factor
    return factor


def rate_factor(step: int, steps: int, warm_up_steps: int, schedule: str) -> float:
    """Factor of the learning rate at `step` (from 0) of `steps`: linear to 1, then as `schedule` says.

    Never 0: a first step of rate 0 would be wasted, and so would a last one.
    """
    if step < warm_up_steps:
        return (step + 1) / warm_up_steps
    done = (step - warm_up_steps) / max(1, steps - warm_up_steps)  # 0 <= done < 1
    if schedule == "linear":
        return 1 - done
    if schedule == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    return 1.0


def state_of(
    optimizer: torch.optim.Optimizer, weights: Mapping[str, torch.nn.Parameter]
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The moments as tensors named `optimizer.KEY.WEIGHT`, and what is no tensor by the same names."""
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, Any] = {}
    for name, weight in weights.items():
        for key, value in optimizer.state.get(weight, {}).items():
            kept: dict[str, Any] = tensors if isinstance(value, torch.Tensor) else plain
            kept[f"optimizer.{key}.{name}"] = value
    return tensors, plain


def restore(
    optimizer: torch.optim.Optimizer,
    weights: Mapping[str, torch.nn.Parameter],
    tensors: Mapping[str, torch.Tensor],
    plain: Mapping[str, Any],
) -> None:
    """Takes back what `state_of` gave. `weights` are in the order of the optimiser's groups."""
    number_of = {name: number for number, name in enumerate(weights)}
    moments: dict[int, dict[str, Any]] = {}
    for full, value in {**tensors, **plain}.items():
        if full.startswith("optimizer."):
            _, key, name = full.split(".", 2)
            moments.setdefault(number_of[name], {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def _kind(name: str) -> Any:
    if name == "adamw":
        return partial(torch.optim.AdamW, fused=True)  # an adapter has many small tensors
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise WrongStateError(
            "optimizer adamw8bit needs the library bitsandbytes, which is not installed here; install "
            "saggar-generator[adam8bit] for the generator, or set optimizer to adamw"
        ) from error
    return AdamW8bit
