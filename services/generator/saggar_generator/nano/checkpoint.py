"""Training state on disk: tensors as safetensors, the rest as JSON; a checkpoint is whole or absent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn


def save(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    state: dict[str, Any],
) -> None:
    """Write weights, optimizer moments, the generator's state and ``state`` to ``folder``."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, module in modules.items():
        weights = {key: value.contiguous() for key, value in module.state_dict().items()}
        save_file(weights, part / f"{name}.safetensors")
    moments = {}
    for number, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            moments[f"{number}.{key}"] = torch.as_tensor(value).contiguous()
    moments["generator"] = generator.get_state()
    save_file(moments, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps(state))
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    part.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> dict[str, Any] | None:
    """Restore what :func:`save` wrote and return its ``state``; None where there is no checkpoint."""
    if not (folder / "state.json").exists():
        return None
    for name, module in modules.items():
        module.load_state_dict(load_file(folder / f"{name}.safetensors"))
    moments = load_file(folder / "optimizer.safetensors")
    generator.set_state(moments.pop("generator"))
    whole = optimizer.state_dict()
    whole["state"] = {}
    for name, value in moments.items():
        number, key = name.split(".", 1)
        whole["state"].setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(whole)
    state: dict[str, Any] = json.loads((folder / "state.json").read_text())
    return state
