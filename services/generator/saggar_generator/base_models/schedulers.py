"""The schedulers that `saggar.webui.scheduler_names` names, by diffusers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
from saggar.webui.scheduler_names import canonical

_DPMPP_2M = {"algorithm_type": "dpmsolver++", "solver_order": 2, "use_exponential_sigmas": False}
_DPMPP_2M_SDE = _DPMPP_2M | {"algorithm_type": "sde-dpmsolver++"}
_KARRAS, _PLAIN = {"use_karras_sigmas": True}, {"use_karras_sigmas": False}
_SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", _DPMPP_2M | _KARRAS),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", _DPMPP_2M | _PLAIN),
    "dpmpp_2m_sde_karras": ("DPMSolverMultistepScheduler", _DPMPP_2M_SDE | _KARRAS),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", _DPMPP_2M_SDE | _PLAIN),
    # Latents are not bounded by 1: DDIM must not clip them, as it would unless told otherwise.
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "euler": ("EulerDiscreteScheduler", _PLAIN),
    "euler_karras": ("EulerDiscreteScheduler", _KARRAS),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", _PLAIN),
    "unipc": ("UniPCMultistepScheduler", _PLAIN),
    # Without Runge-Kutta steps, so that every step is one pass; as for Stable Diffusion at its release.
    "plms": ("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False}),
}


def build(name: str, base_config: Mapping[str, Any]) -> Any:
    """The scheduler `name` with the noise levels and the prediction type of the base model's own scheduler.

    Raises InvalidInputError for an unknown name.
    """
    class_name, changes = _SCHEDULERS[canonical(name)]
    kind = getattr(diffusers, class_name)
    return kind.from_config({**config_for(kind, base_config), **changes})


def config_for(kind: Any, base_config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a base model's scheduler that the class `kind` knows too.

    Not those that its file leaves open: another class has another default, such as the spacing of its steps.
    """
    known = inspect.signature(kind.__init__).parameters
    left_open = base_config.get("_use_default_values", ())
    return {key: value for key, value in base_config.items() if key in known and key not in left_open}
