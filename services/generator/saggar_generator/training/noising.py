"""A base model's noise: how much of it at which level, what the UNet should say to it, and what an error
weighs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler
from saggar.errors import WrongStateError

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.schedulers import config_for


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
                f"base model {base.spec} predicts '{kind}'; adapters are trained on epsilon or v_prediction models only"
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
