"""Whether a folder is a whole Stable Diffusion pipeline of the kind that this service runs, before it is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from saggar.errors import InvalidInputError, NotFoundError

from saggar_generator.base_models.file_kinds import refuse_other_kinds

PIPELINE = "StableDiffusionPipeline"
LATENT_CHANNELS = 4  # what the UNet takes; those of inpainting and depth models take more
_CONFIGURATIONS = (
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
)
_TOKENIZERS = (("tokenizer/tokenizer.json",), ("tokenizer/vocab.json", "tokenizer/merges.txt"))


def check_pipeline(folder: Path) -> None:
    """Raises NotFoundError when a file is missing, InvalidInputError when `folder` is another kind of model."""
    try:
        kind = _read(folder / "model_index.json").get("_class_name")
    except FileNotFoundError:
        raise NotFoundError(
            f"{folder} has no model_index.json; a base model is a folder in diffusers format, as "
            "save_pretrained writes it",
            str(folder),
        ) from None
    if kind != PIPELINE:
        raise InvalidInputError(f"{folder} is a {kind}; this service runs {PIPELINE} (Stable Diffusion 1.x and 2.x)")


def check_parts(folder: Path) -> None:
    """The files that stand beside the weights. Raises as `check_pipeline`."""
    missing = [name for name in _CONFIGURATIONS if not (folder / name).is_file()]
    if not any(all((folder / name).is_file() for name in names) for names in _TOKENIZERS):
        missing.append(_TOKENIZERS[0][0])
    if missing:
        raise NotFoundError(
            f"{folder} has no {', '.join(missing)}; a base model is a whole folder in diffusers format: copy or "
            "download all of it",
            str(folder / missing[0]),
        )
    check_channels(_read(folder / "unet/config.json").get("in_channels"), str(folder))


def check_channels(channels: Any, name: str) -> None:
    """Raises InvalidInputError unless the UNet of `name` takes latents and nothing else."""
    if isinstance(channels, int) and channels != LATENT_CHANNELS:
        raise InvalidInputError(
            f"{name} has a UNet that takes {channels} channels, not {LATENT_CHANNELS}: a model for inpainting, depth "
            "or the like; give one that makes pictures from text"
        )


def check_weights(paths: Iterable[Path]) -> None:
    """Raises InvalidInputError unless all of `paths` are whole safetensors files."""
    for path in paths:
        try:
            with path.open("rb") as file:
                refuse_other_kinds(file, path.stat().st_size, str(path))
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read ({error.strerror}); check the disk and its owner") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); export the base model again") from None
    if not isinstance(values, dict):
        raise InvalidInputError(f"{path} is no JSON object; export the base model again")
    return values
