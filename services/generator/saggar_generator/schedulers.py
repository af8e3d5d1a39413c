"""Schedulers by the names that the web UIs made known."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
from saggar.errors import FieldViolation, InvalidInputError

_DPMPP_2M = {"algorithm_type": "dpmsolver++", "solver_order": 2, "use_exponential_sigmas": False}
_SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", _DPMPP_2M | {"use_karras_sigmas": True}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", _DPMPP_2M | {"use_karras_sigmas": False}),
    # Latents are not bounded by 1: DDIM must not clip them, as it would unless told otherwise.
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "euler": ("EulerDiscreteScheduler", {"use_karras_sigmas": False}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
}
KNOWN = tuple(_SCHEDULERS)


def check_name(name: str) -> None:
    """Raises InvalidInputError, listing the known names, for any other."""
    if name not in _SCHEDULERS:
        text = f"no scheduler '{name}'; known: {', '.join(KNOWN)}"
        raise InvalidInputError(text, (FieldViolation("settings.scheduler", text),))


def build(name: str, base_config: Mapping[str, Any]) -> Any:
    """The scheduler `name` with the noise levels and the prediction type of the base model's own scheduler.

    Raises InvalidInputError for an unknown name.
    """
    check_name(name)
    class_name, changes = _SCHEDULERS[name]
    kind = getattr(diffusers, class_name)
    return kind.from_config({**config_for(kind, base_config), **changes})


def config_for(kind: Any, base_config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a base model's scheduler that the class `kind` knows too."""
    known = inspect.signature(kind.__init__).parameters
    return {key: value for key, value in base_config.items() if key in known}
