"""LoRA training on a UNet: the diffusion loss, step by step, on latents and embeddings made once.

Everything random in a step comes from the seed and the step's own number. So a run that was interrupted goes
on as if it had not been, and needs no state of random generators: weights and optimiser moments are enough.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from diffusers import DDPMScheduler
from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load, save
from saggar.errors import DataCorruptionError, InvalidInputError, WrongStateError

from saggar_generator.adapter import detach
from saggar_generator.basemodel import BaseModel
from saggar_generator.examples import Examples
from saggar_generator.requests import AdapterSettings
from saggar_generator.schedulers import config_for

WEIGHT_DECAY = 1e-2  # of AdamW; the diffusers LoRA example's
GRADIENT_NORM = 1.0  # at most
WARM_UP_STEPS = 100  # at most, and at most a tenth of all
_NAME = "in_training"  # peft makes it an attribute: no name of torch's own


class AdapterTraining:
    """One adapter in the making. Use as a context: the base model's UNet is as before when it ends."""

    def __init__(
        self, base: BaseModel, examples: Examples, settings: AdapterSettings, targets: tuple[str, ...]
    ) -> None:
        """Adds fresh LoRA layers to the UNet. Raises InvalidInputError when `targets` match none of its
        layers, and WrongStateError for a base model that predicts something else than noise or velocity.
        """
        self.step = 0
        self.losses: list[float] = []
        self._settings = settings
        self._examples = examples
        self._base = base
        self._placement = base.placement
        self._unet = base.pipeline.unet
        self._noise = NoiseSchedule.of(base)
        _add_lora(base, settings, targets)
        self._weights = {
            name: weight for name, weight in self._unet.named_parameters() if weight.requires_grad
        }
        for weight in self._weights.values():
            weight.data = weight.data.float()  # half precision would swallow small updates
        self._optimizer = torch.optim.AdamW(
            self._weights.values(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY
        )
        needs_scaling = self._placement.precision == "float16"
        self._scaler = torch.amp.GradScaler(enabled=needs_scaling)

    @property
    def unet(self) -> Any:
        return self._unet

    @property
    def adapter_name(self) -> str:
        return _NAME

    @property
    def final_loss(self) -> float:
        """Mean over the last tenth of the steps."""
        last = self.losses[-max(1, len(self.losses) // 10) :]
        return sum(last) / len(last)

    def advance(self) -> float:
        """One optimiser step; its loss. Raises WrongStateError when the loss is not finite."""
        settings, device = self._settings, self._placement.device
        random = _random(settings.seed, "step", self.step)
        rows = self._rows()
        clean = self._examples.latents[rows]
        noise = torch.randn(clean.shape, generator=random)
        times = torch.randint(self._noise.levels, (len(rows),), generator=random)
        noisy, target, weight = self._noise.apply(clean, noise, times, settings.min_snr_gamma)
        text = self._examples.embeddings[self._examples.caption_of[rows]]
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * warm_up(self.step, settings.steps)
        dtype = self._placement.dtype
        with self._placement.autocast():
            guess = self._unet(
                noisy.to(device, dtype), times.to(device), encoder_hidden_states=text.to(device, dtype)
            ).sample
        error = (guess.float() - target.to(device)).square().mean(dim=(1, 2, 3))  # [B]
        loss = (error * weight.to(device)).mean()
        value = float(loss.item())
        if not math.isfinite(value):
            raise WrongStateError(
                f"the loss is {value} at step {self.step + 1}: training has diverged; lower learning_rate "
                "(now "
                f"{settings.learning_rate:g}), or set SAGGAR_PRECISION=float32 for the generator (now "
                f"{self._placement.precision})"
            )
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._weights.values(), GRADIENT_NORM)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.step += 1
        self.losses.append(value)
        return value

    def checkpoint(self) -> bytes:
        """The state after the last step, as safetensors."""
        tensors = {f"weight.{name}": weight.detach().cpu() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            for key, value in self._optimizer.state.get(weight, {}).items():
                tensors[f"optimizer.{key}.{name}"] = torch.as_tensor(value).cpu()
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        state = {"step": self.step, "scaler": self._scaler.state_dict()}
        contiguous = {key: value.contiguous() for key, value in tensors.items()}
        return save(contiguous, metadata={"state": json.dumps(state, sort_keys=True)})

    def restore(self, data: bytes) -> None:
        """Goes back to a checkpoint of an equal training. Raises DataCorruptionError when `data` is not
        one.
        """
        try:
            tensors = load(data)
            header = int.from_bytes(data[:8], "little")
            state = json.loads(json.loads(data[8 : 8 + header])["__metadata__"]["state"])
            moments: dict[int, dict[str, torch.Tensor]] = {}
            with torch.no_grad():
                for number, (name, weight) in enumerate(self._weights.items()):
                    weight.copy_(tensors[f"weight.{name}"])
                    kept = {key: f"optimizer.{key}.{name}" for key in ("step", "exp_avg", "exp_avg_sq")}
                    moments[number] = {key: tensors[at] for key, at in kept.items() if at in tensors}
            self.losses = tensors["losses"].tolist()
            self.step = int(state["step"])
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise DataCorruptionError(
                f"the checkpoint cannot be read ({error}); delete it to train from the beginning"
            ) from error
        whole = self._optimizer.state_dict()
        self._optimizer.load_state_dict({**whole, "state": {k: v for k, v in moments.items() if v}})
        self._scaler.load_state_dict(state["scaler"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        detach(self._base)

    def _rows(self) -> torch.Tensor:
        """[B] the examples of this step: each epoch goes through all in an order of its own."""
        count, size = len(self._examples), self._settings.batch_size
        places = range(self.step * size, (self.step + 1) * size)
        orders = {
            epoch: torch.randperm(count, generator=_random(self._settings.seed, "epoch", epoch))
            for epoch in range(places[0] // count, places[-1] // count + 1)
        }
        return torch.tensor([int(orders[place // count][place % count]) for place in places])


@dataclass(frozen=True)
class NoiseSchedule:
    """A base model's noise levels and what its UNet predicts (`epsilon` or `v_prediction`)."""

    signal: torch.Tensor  # [levels] the signal's share of the variance
    prediction_type: str

    @staticmethod
    def of(base: BaseModel) -> NoiseSchedule:
        """Raises WrongStateError for a base model that predicts something else."""
        kind = str(base.scheduler_config.get("prediction_type", "epsilon"))
        if kind not in {"epsilon", "v_prediction"}:
            raise WrongStateError(
                f"base model {base.spec} predicts '{kind}'; adapters are trained on epsilon or v_prediction "
                "models only"
            )
        scheduler = DDPMScheduler.from_config(config_for(DDPMScheduler, base.scheduler_config))
        return NoiseSchedule(scheduler.alphas_cumprod.float(), kind)

    @property
    def levels(self) -> int:
        return len(self.signal)

    def apply(
        self, clean: torch.Tensor, noise: torch.Tensor, times: torch.Tensor, gamma: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Noisy latents, what the UNet should predict (both [B, C, h, w]), and each sample's weight [B].

        Weights are min-SNR's (Hang et al. 2023, https://doi.org/10.1109/ICCV51070.2023.00684, section 3.4):
        with SNR = signal / noise, min(SNR, gamma) / SNR for epsilon and min(SNR, gamma) / (SNR + 1) for
        velocity; all 1 for gamma 0.
        """
        share = self.signal[times].view(-1, 1, 1, 1)
        noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
        velocity = share.sqrt() * noise - (1 - share).sqrt() * clean
        target = noise if self.prediction_type == "epsilon" else velocity
        if gamma == 0:
            return noisy, target, torch.ones(len(times))
        snr = (share / (1 - share)).flatten()
        below = snr.clamp(max=gamma)
        if self.prediction_type == "epsilon":
            return noisy, target, torch.where(snr > 0, below / snr, 1.0)
        return noisy, target, below / (snr + 1)


def warm_up(step: int, steps: int) -> float:
    """Factor of the learning rate at `step` (from 0): linear to 1, then constant."""
    return min(1.0, (step + 1) / max(1, min(WARM_UP_STEPS, steps // 10)))


def _add_lora(base: BaseModel, settings: AdapterSettings, targets: tuple[str, ...]) -> None:
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        init_lora_weights="gaussian",
        target_modules=list(targets),
    )
    detach(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        try:
            base.pipeline.unet.add_adapter(config, adapter_name=_NAME)
        except ValueError as error:  # peft: no layer matches
            detach(base)
            raise InvalidInputError(
                f"an adapter cannot be put into {base.spec}: {error}; check SAGGAR_LORA_TARGETS"
            ) from None


def _random(seed: int, of: str, number: int) -> torch.Generator:
    """The random numbers of one step or epoch."""
    digest = hashlib.sha256(f"{seed} {of} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
