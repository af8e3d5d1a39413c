"""ControlNets: networks that steer a base model along a picture (Zhang et al. 2023), from folders of this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import ControlNetModel
from saggar.errors import InvalidInputError, NotFoundError, WrongStateError

from saggar_generator.base_models import single_file
from saggar_generator.base_models.base_model import BaseModel, find
from saggar_generator.base_models.checking import check_weights

_WEIGHTS = "diffusion_pytorch_model.safetensors"
_SHARED = ("in_channels", "cross_attention_dim", "block_out_channels", "down_block_types", "layers_per_block")
_EXPORT = "give a ControlNet for Stable Diffusion 1.x or 2.x as diffusers' save_pretrained writes it"


@dataclass(frozen=True, eq=False)
class ControlNet:
    """A loaded network; `content_hash`: SHA-256 over its configuration and weights."""

    content_hash: str
    network: Any


def load_control_net(path: str, base: BaseModel) -> ControlNet:
    """The ControlNet in the folder `path`, where and in the number format that `base` is. Raises as `identify`."""
    content_hash = identify(path, base.spec, base.pipeline.unet.config, int(base.pipeline.vae_scale_factor))
    try:
        network = ControlNetModel.from_pretrained(
            path, dtype=base.placement.dtype, use_safetensors=True, local_files_only=True
        )
    except Exception as error:  # diffusers raises almost anything on damaged files
        raise WrongStateError(f"ControlNet {path}: its files cannot be loaded ({error}); export it again") from error
    network.requires_grad_(requires_grad=False).eval().to(base.placement.device)
    return ControlNet(content_hash, network)


def identify_for(path: str, spec: str) -> str:
    """`identify` for the base model `spec`, of which nothing is loaded."""
    place = find(spec)
    folder = single_file.configuration(place) if place.is_file() else place
    unet, vae = (json.loads((folder / part / "config.json").read_text("utf-8")) for part in ("unet", "vae"))
    return identify(path, spec, unet, 2 ** (len(vae["block_out_channels"]) - 1))


def identify(path: str, spec: str, unet: Mapping[str, Any], factor: int) -> str:
    """SHA-256 over configuration and weights of the ControlNet in the folder `path`, for the base model `spec`, whose
    UNet has the configuration `unet`, and whose latents are smaller than pictures by `factor`.

    Raises NotFoundError when the folder or a file is missing, InvalidInputError when it is no ControlNet in
    safetensors format, WrongStateError when it does not fit the base.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise NotFoundError(f"ControlNet {path}: no such folder on the generator's machine; check the path", path)
    files = [folder / "config.json", folder / _WEIGHTS]
    for file in files:
        if not file.is_file():
            raise NotFoundError(
                f"{folder} has no {file.name}; {_EXPORT}; weights in other formats are not read", str(file)
            )
    _check_fits(folder, _configuration(files[0]), spec, unet, factor)
    check_weights(files[1:])
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _configuration(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{file} cannot be read ({error}); {_EXPORT}") from None
    kind = values.get("_class_name") if isinstance(values, dict) else None
    if kind != "ControlNetModel":
        raise InvalidInputError(f"{file.parent} is a {kind}, not a ControlNetModel; {_EXPORT}")
    return dict(values)


def _check_fits(folder: Path, values: dict[str, Any], spec: str, unet: Mapping[str, Any], factor: int) -> None:
    """By the shapes that decide whether its outputs can be added to those of the base's UNet."""
    if values.get("addition_embed_type"):
        raise WrongStateError(f"ControlNet {folder} is for Stable Diffusion XL; {_EXPORT}")
    if values.get("conditioning_channels", 3) != 3:
        raise WrongStateError(
            f"ControlNet {folder} looks at pictures of {values['conditioning_channels']} channels, not 3; {_EXPORT}"
        )
    for name in _SHARED:
        own, wanted = _plain(values.get(name)), _plain(unet[name])
        if own is not None and own != wanted:
            raise WrongStateError(
                f"ControlNet {folder} is for another base model than {spec}: its {name} is {own}, the base's "
                f"{wanted}; give one that was trained for this base"
            )
    own_factor = 2 ** (len(values.get("conditioning_embedding_out_channels", (16, 32, 96, 256))) - 1)
    if own_factor != factor:
        raise WrongStateError(
            f"ControlNet {folder} makes pictures smaller by {own_factor}, base model {spec} by {factor}; "
            "give one that was trained for this base"
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
