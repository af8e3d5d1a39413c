"""LoRA files: diffusers' (peft's) keys, older diffusers keys, and kohya's keys, to and from layers.

Nothing is guessed and nothing is left out in silence: a key that names no layer, or a half of a layer without
the other, is among the `unmatched`, and layers without an alpha are counted.

kohya's rule (sd-scripts, `networks/lora.py`): `lora_unet_` or `lora_te_text_model_`, then the module's path
with `_` for every `.`, then `.lora_down.weight`, `.lora_up.weight` and `.alpha`; a missing alpha equals the
rank. As names have `_` too, a path is found by looking for it among the base model's own.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from saggar.errors import InvalidInputError

from saggar_generator.adapters.lora import PARTS, Lora, LoraLayer, peft_settings
from saggar_generator.base_models.file_kinds import refuse_other_kinds
from saggar_generator.checkpoint import metadata_of

KOHYA_PREFIXES = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}
_PEFT_ROOT = "base_model.model."  # of the keys of a file that peft itself has written
_PEFT_METADATA = "lora_adapter_metadata"  # where diffusers keeps peft's settings, as JSON
# How the text encoder's layers were called before transformers 5, and are in files.
_TEXT_ROOT = "text_model."
_TEXT_LAYERS = "encoder.layers."  # no layer of a UNet is called so
_ROLES = {  # endings of diffusers' keys, newest first
    "lora_A.weight": "down",
    "lora_B.weight": "up",
    "lora.down.weight": "down",
    "lora.up.weight": "up",
    "lora_linear_layer.down.weight": "down",
    "lora_linear_layer.up.weight": "up",
    "alpha": "alpha",
}
_KOHYA_ROLES = {"lora_down.weight": "down", "lora_up.weight": "up", "alpha": "alpha"}
_MOST_PATTERNS = 4096  # layers of a base model that are named by themselves; Stable Diffusion has some 700
# Of alpha_pattern's keys: a path, its beginning or end, perhaps with one gap.
_PLAIN_PATTERN = re.compile(r"\^?(?:[\w-]|\\?\.)*(?:\.\*(?:[\w-]|\\?\.)*)?\$?")
# Of diffusers before 0.22, whose attention processors held the layers.
_PROCESSOR = re.compile(r"(?:processor\.)?to_(q|k|v|out)_lora\.(down|up)\.weight$")
_PROCESSOR_NAMES = {
    "unet": {"q": "to_q", "k": "to_k", "v": "to_v", "out": "to_out.0"},
    "text_encoder": {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "out_proj"},
}


@dataclass(frozen=True, eq=False)
class LoraFile:
    """What a file holds: layers, its metadata, and the keys that make no layer."""

    lora: Lora
    metadata: Mapping[str, str]
    unmatched: tuple[str, ...]
    lacks_alpha: int = 0  # layers whose alpha is in no place where it should be: taken to equal the rank
    is_pefts: bool = False  # written by peft itself, which keeps alphas in a file beside it


def read(data: bytes, modules: Mapping[str, Iterable[str]], peft_configuration: bytes | None = None) -> LoraFile:
    """The adapter in a safetensors file. `modules` are the base model's layers, by part;
    `peft_configuration` is the adapter_config.json beside a file of peft's own.

    Raises InvalidInputError when `data` is no safetensors file, naming what it is, or the configuration no JSON.
    """
    refuse_other_kinds(io.BytesIO(data), len(data), "the adapter's file")
    try:
        tensors, metadata = load(data), metadata_of(data)
    except (SafetensorError, ValueError) as error:
        raise InvalidInputError(
            f"the adapter's file cannot be read ({error}); download it again, or let its program write it anew"
        ) from None
    settings = _settings_in(metadata.get(_PEFT_METADATA, "{}"), f"metadata {_PEFT_METADATA}")
    is_pefts = any(key.startswith(_PEFT_ROOT) for key in tensors) and not settings
    if is_pefts and peft_configuration is not None:
        own = _settings_in(peft_configuration, "adapter_config.json")
        settings = {f"{part}.{key}": value for part in PARTS for key, value in own.items()}
    is_kohya = any(key.startswith(("lora_unet_", "lora_te")) for key in tensors)
    if is_kohya:
        lora, unmatched, lacking = from_kohya(tensors, modules)
    else:
        lora, unmatched, lacking = from_diffusers(tensors, settings)
    return LoraFile(lora, metadata, tuple(unmatched), lacking, is_pefts)


def write_diffusers(lora: Lora, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with the keys of diffusers, and peft's settings in its metadata."""
    settings = {
        f"{part}.{key}": value
        for part, layers in lora.items()
        if layers
        for key, value in peft_settings(layers).items()
    }
    return file_of(to_diffusers(lora), {**metadata, _PEFT_METADATA: json.dumps(settings, sort_keys=True)})


def write_kohya(lora: Lora, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with kohya's keys."""
    return file_of(to_kohya(lora), metadata)


def to_diffusers(lora: Lora) -> dict[str, torch.Tensor]:
    tensors = {}
    for part, layers in lora.items():
        root = f"{part}.{_TEXT_ROOT}" if part == "text_encoder" else f"{part}."
        for path, layer in layers.items():
            tensors[f"{root}{path}.lora_A.weight"] = layer.down
            tensors[f"{root}{path}.lora_B.weight"] = layer.up
    return tensors


def to_kohya(lora: Lora) -> dict[str, torch.Tensor]:
    tensors = {}
    for part, layers in lora.items():
        for path, layer in layers.items():
            name = KOHYA_PREFIXES[part] + path.replace(".", "_")
            tensors[f"{name}.lora_down.weight"] = layer.down
            tensors[f"{name}.lora_up.weight"] = layer.up
            tensors[f"{name}.alpha"] = torch.tensor(layer.alpha)
    return tensors


def from_kohya(
    tensors: Mapping[str, torch.Tensor], modules: Mapping[str, Iterable[str]]
) -> tuple[Lora, list[str], int]:
    """Layers, the keys that make none, and how many layers lack an alpha."""
    paths = {KOHYA_PREFIXES[part] + path.replace(".", "_"): (part, path) for part in PARTS for path in modules[part]}
    found: dict[tuple[str, str], dict[str, str]] = {}
    unmatched = []
    for key in tensors:
        name, _, ending = key.partition(".")
        place = paths.get(name.replace("lora_te1_", "lora_te_", 1))
        if place is None or ending not in _KOHYA_ROLES:
            unmatched.append(key)
        else:
            _place(found, place, _KOHYA_ROLES[ending], key, unmatched)
    return _assemble(tensors, found, {}, unmatched)


def from_diffusers(tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> tuple[Lora, list[str], int]:
    """As `from_kohya`; `settings` are peft's, each behind its part's name."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    unmatched = []
    for key in tensors:
        place = _diffusers_place(key)
        if place is None:
            unmatched.append(key)
        else:
            part, path, role = place
            _place(found, (part, path), role, key, unmatched)
    return _assemble(tensors, found, settings, unmatched)


def _place(
    found: dict[tuple[str, str], dict[str, str]], place: tuple[str, str], role: str, key: str, unmatched: list[str]
) -> None:
    """Notes which key has a role in a layer; a second one, under another program's name, would be lost in silence."""
    first = found.setdefault(place, {}).setdefault(role, key)
    if first != key:
        unmatched.append(f"{key} (the same as {first})")


def _diffusers_place(key: str) -> tuple[str, str, str] | None:
    """Part, path and role of a key."""
    part, _, rest = key.removeprefix(_PEFT_ROOT).partition(".")
    if part not in PARTS:  # peft's own files name no part
        rest = key.removeprefix(_PEFT_ROOT)
        part = "text_encoder" if rest.startswith((_TEXT_ROOT, _TEXT_LAYERS)) else "unet"
    if part == "text_encoder":
        rest = rest.removeprefix(_TEXT_ROOT)
    if old := _PROCESSOR.search(rest):
        return part, rest[: old.start()] + _PROCESSOR_NAMES[part][old[1]], old[2]
    for ending, role in _ROLES.items():
        if rest.endswith("." + ending):
            return part, rest.removesuffix("." + ending), role
    return None


def _assemble(
    tensors: Mapping[str, torch.Tensor],
    found: Mapping[tuple[str, str], Mapping[str, str]],
    settings: Mapping[str, Any],
    unmatched: list[str],
) -> tuple[Lora, list[str], int]:
    lora: dict[str, dict[str, LoraLayer]] = {part: {} for part in PARTS}
    lacking = 0
    for (part, path), keys in found.items():
        if problem := _no_layer(tensors, keys):
            unmatched.extend(f"{key} ({problem})" for key in keys.values())
            continue
        down, up = tensors[keys["down"]].float(), tensors[keys["up"]].float()
        alpha = float(tensors[keys["alpha"]]) if "alpha" in keys else _alpha(settings, part, path, len(down))
        lacking += alpha is None
        lora[part][path] = LoraLayer(down, up, float(len(down)) if alpha is None else alpha)
    return lora, sorted(unmatched), lacking


def _no_layer(tensors: Mapping[str, torch.Tensor], keys: Mapping[str, str]) -> str | None:
    """Why they are not two matrices of real numbers, or kernels, and one number, if any; None where they are."""
    if lost := [role for role in ("down", "up") if role not in keys]:
        return f"without its {' and '.join(lost)}"
    halves = [tensors[keys[role]] for role in ("down", "up")]
    for half in halves:
        if not half.is_floating_point():
            return f"of {str(half.dtype).removeprefix('torch.')}, not of real numbers"
        if half.ndim not in {2, 4} or not half.numel():
            return f"its shape is {list(half.shape)}"
    alpha = tensors[keys["alpha"]] if "alpha" in keys else None
    if alpha is not None and (alpha.numel() != 1 or alpha.is_complex()):
        return "its alpha is not one number"
    return None


def _settings_in(text: str | bytes, where: str) -> dict[str, Any]:
    """Peft's settings. Raises InvalidInputError where they are none, or are of another method than the layers."""
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the adapter's {where} is not JSON ({error}); save the adapter again") from None
    if not isinstance(settings, dict):
        raise InvalidInputError(f"the adapter's {where} is no JSON object of peft's settings; save the adapter again")
    for name, value in settings.items():
        setting = name.rpartition(".")[2]
        if setting == "peft_type" and value not in {None, "LORA"}:
            raise InvalidInputError(f"the adapter is of peft's method {value!r}, by its {where}; take one of LORA")
        if setting == "use_dora" and value:
            raise InvalidInputError(
                f"the adapter is a DoRA adapter, by its {where}, which acts otherwise; take one of plain LoRA layers"
            )
        if setting == "use_rslora" and not isinstance(value, bool | None):
            raise InvalidInputError(f"the adapter's {where} has {name}: {value!r}; it is true or false: correct it")
        if setting == "alpha_pattern" and value is not None:
            _check_patterns(value, where)
    return settings


def _check_patterns(patterns: Any, where: str) -> None:
    """Raises InvalidInputError unless they name layers, by path or by a plain expression: others may take hours."""
    if not isinstance(patterns, dict):
        raise InvalidInputError(f"the adapter's {where} has an alpha_pattern that is no object of layers; correct it")
    if len(patterns) > _MOST_PATTERNS:
        raise InvalidInputError(
            f"the adapter's {where} has {len(patterns):,} entries in alpha_pattern; at most {_MOST_PATTERNS:,} are read"
        )
    for pattern in patterns:
        if not _PLAIN_PATTERN.fullmatch(pattern):
            raise InvalidInputError(
                f"the adapter's {where} has {pattern[:80]!r} in alpha_pattern, which is not read: name the "
                "layers, with one `.*` at most"
            )


def _alpha(settings: Mapping[str, Any], part: str, path: str, rank: int) -> float | None:
    """What peft's settings say; None where they say nothing."""
    patterns = {
        name.removeprefix(_TEXT_ROOT): value for name, value in (settings.get(f"{part}.alpha_pattern") or {}).items()
    }
    key = next((pattern for pattern in patterns if _matcher(pattern).match(path)), path)
    given = patterns.get(key, settings.get(f"{part}.lora_alpha"))
    if given is None:
        return None
    try:
        alpha = float(given)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(
            f"the adapter's alpha of {path} is '{str(given)[:40]}', no number; correct it"
        ) from None
    # "Rank-stabilised": the update is divided by the rank's root.
    return alpha * rank**0.5 if settings.get(f"{part}.use_rslora") else alpha


@lru_cache(maxsize=_MOST_PATTERNS)
def _matcher(pattern: str) -> re.Pattern[str]:
    """As peft matches layers with the keys of its patterns (`get_pattern_key`)."""
    return re.compile(rf"(.*\.)?({pattern})$")


def file_of(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file; equal contents, equal bytes."""
    data = save({key: value.contiguous() for key, value in tensors.items()}, metadata={"format": "pt", **metadata})
    return _in_order(data)


def _in_order(data: bytes) -> bytes:
    """The same safetensors file with its header sorted; the library writes metadata in an order of chance."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]
