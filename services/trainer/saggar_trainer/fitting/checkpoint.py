"""A training run's checkpoint as one safetensors file: tensors, and the history as JSON in its header."""

from __future__ import annotations

import json
from dataclasses import asdict

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from saggar.errors import DataCorruptionError

from saggar_trainer.fitting.loop import Snapshot, State
from saggar_trainer.listening import EpochScores

FORMAT = "2"
PARTS = ("model", "best_model", "optimizer", "average")


def to_bytes(snapshot: Snapshot) -> bytes:
    """`snapshot` as the content of one file, to be replaced as a whole."""
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part in PARTS
        for name, value in getattr(snapshot, part).items()
    }
    history = json.dumps([asdict(scores) for scores in snapshot.history])
    return save(tensors, metadata={"format": FORMAT, "history": history})


def from_file(path: str) -> Snapshot:
    """The snapshot that `to_bytes` wrote. Raises DataCorruptionError when it is not one."""
    parts: dict[str, State] = {part: {} for part in PARTS}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            for key in file.keys():  # noqa: SIM118  (not a mapping)
                part, name = key.split("/", 1)
                parts[part][name] = file.get_tensor(key)
        history = tuple(EpochScores(**scores) for scores in json.loads(metadata["history"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataCorruptionError(f"{path}: not a training checkpoint ({error}); delete it to start anew") from error
    return Snapshot(history, **parts)


def weights_to_bytes(model: State) -> bytes:
    """A model's state dict as safetensors."""
    return save({name: value.detach().cpu().contiguous() for name, value in model.items()})
