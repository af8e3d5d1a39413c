"""A training's state as one safetensors file: tensors, and the rest as JSON in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from saggar.errors import DataCorruptionError


def pack(tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> bytes:
    # Copies: the library refuses tensors that share memory, as some optimisers' do.
    apart = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    return save(apart, metadata={"state": json.dumps(state, sort_keys=True)})


def unpack(data: bytes) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What `pack` was given. Raises DataCorruptionError when `data` is something else."""
    try:
        return load(data), json.loads(metadata_of(data)["state"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> DataCorruptionError:
    return DataCorruptionError(f"the checkpoint cannot be read ({error})")


def metadata_of(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file. Raises ValueError when its header is not one.

    Format: 8 bytes of header length, header (JSON, filled up with spaces), tensors at offsets from its end.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("its header is no object")  # noqa: TRY004 - a fault of the file's content
    found = header.get("__metadata__", {})
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
