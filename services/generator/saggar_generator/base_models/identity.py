"""What a base model is, whatever it is called: hashes of its weights, and of what else decides images."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SD1_WIDTH, SD2_WIDTH = 768, 1024  # of the text that the UNet listens to
# Of the files of configuration. The rest of them says how to read the weights, and a wrong one fails.
_DECIDING = {
    "scheduler/scheduler_config.json": (
        "prediction_type",
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "rescale_betas_zero_snr",
        "timestep_spacing",
        "steps_offset",
        "set_alpha_to_one",
        "clip_sample",
    ),
    "vae/config.json": ("scaling_factor",),
}


@dataclass(frozen=True)
class Identity:
    """`content_hash` is of the weights, 64 hexadecimal digits; `configuration_hash` of schedule and scale,
    16.
    """

    content_hash: str
    configuration_hash: str


def configuration_hash(folder: Path) -> str:
    """Of the pipeline in `folder`; a file that is missing or broken counts as empty, and fails in loading."""
    deciding = {
        name: {key: values.get(key) for key in keys}
        for name, keys in _DECIDING.items()
        for values in [_read(folder / name)]
    }
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
