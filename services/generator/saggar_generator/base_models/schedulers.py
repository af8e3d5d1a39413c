"""The schedulers that `saggar.webui.scheduler_names` names, by diffusers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
from saggar.webui.scheduler_names import canonical

# What of a base model's own scheduler another one takes over: its noise, what the UNet predicts, and the spacing of
# steps. Its sampling method, ways to clip and sigmas (Karras, beta, exponential, Lu, flow) stay behind.
_TAKEN_OVER = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
    "prediction_type",
    "timestep_spacing",
    "steps_offset",
)
_DPMPP_2M = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_DPMPP_2M_SDE = _DPMPP_2M | {"algorithm_type": "sde-dpmsolver++"}
_KARRAS: dict[str, Any] = {"use_karras_sigmas": True}
_SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", _DPMPP_2M | _KARRAS),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", _DPMPP_2M),
    "dpmpp_2m_sde_karras": ("DPMSolverMultistepScheduler", _DPMPP_2M_SDE | _KARRAS),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", _DPMPP_2M_SDE),
    # Latents are not bounded by 1: DDIM must not clip them, as it does by default.
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_karras": ("EulerDiscreteScheduler", _KARRAS),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    # Without Runge-Kutta steps, so that every step is one pass; as for Stable Diffusion at its release.
    "plms": ("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False}),
}


def build(name: str, base_config: Mapping[str, Any]) -> Any:
    """The scheduler `name` with the noise levels and the prediction type of the base model's own scheduler.

    Raises InvalidInputError for an unknown name.
    """
    class_name, settings = _SCHEDULERS[canonical(name)]
    kind = getattr(diffusers, class_name)
    return kind.from_config({**config_for(kind, base_config), **settings})


def config_for(kind: Any, base_config: Mapping[str, Any]) -> dict[str, Any]:
    """What a scheduler of class `kind` takes over from a base model's.

    Not what its file leaves open: another class has another default, such as the spacing of its steps.
    """
    known = inspect.signature(kind.__init__).parameters
    left_open = base_config.get("_use_default_values", ())
    return {
        key: base_config[key] for key in _TAKEN_OVER if key in base_config and key in known and key not in left_open
    }
