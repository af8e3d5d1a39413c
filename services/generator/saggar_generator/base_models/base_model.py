"""Base models: the shipped `nano`, a model of the Hugging Face hub, a diffusers folder, or a single file."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from saggar.errors import (
    FieldViolation,
    InvalidInputError,
    NotFoundError,
    SaggarError,
    WrongStateError,
)
from transformers.utils import logging as transformers_logging

from saggar_generator import nano
from saggar_generator.base_models import checking, hub, single_file
from saggar_generator.base_models.identity import Identity, configuration_hash
from saggar_generator.base_models.placement import Placement, memory_for, settle

log = logging.getLogger(__name__)

NANO = "nano"
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
    """A loaded pipeline. `spec` is what was asked for; `identity` is the same wherever the weights lie."""

    spec: str
    identity: Identity
    pipeline: Any
    scheduler_config: dict[str, Any]
    placement: Placement

    @property
    def content_hash(self) -> str:
        """Of the weights."""
        return self.identity.content_hash

    @property
    def prediction_type(self) -> str:
        """What the UNet says of noisy latents: `epsilon`, `v_prediction` or `sample`."""
        return str(self.scheduler_config.get("prediction_type", "epsilon"))

    @property
    def is_single_file(self) -> bool:
        """Whether the weights come from one file; `content_hash` is that file's then."""
        return single_file.is_one(Path(self.spec))

    @property
    def size_px(self) -> int:
        """Side of the square images that the model was trained on."""
        size = self.pipeline.unet.config.sample_size
        side = size if isinstance(size, int) else max(size)
        return int(side * self.pipeline.vae_scale_factor)

    @property
    def size_factor(self) -> int:
        """What sides in pixels are multiples of."""
        return max(8, int(self.pipeline.vae_scale_factor))  # both are powers of two

    def check_size(self, size_px: int, field: str) -> None:
        """Raises InvalidInputError unless `size_px` is a multiple of 8 and of the autoencoder's factor."""
        factor = self.size_factor
        if size_px % factor or not factor <= size_px <= 2048:
            text = f"{field} is {size_px}; it must be a multiple of {factor} from {factor} to 2048"
            raise InvalidInputError(text, (FieldViolation(field, text),))


class BaseModels:
    """Keeps the base model that was used last, so that shard after shard finds it loaded.

    The hub is asked about an id once: its branches may move between the shards of one run.
    """

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self._loaded: BaseModel | None = None
        self._files: tuple[tuple[str, int, int], ...] = ()
        self._identities: dict[tuple[tuple[str, int, int], ...], Identity] = {}
        self._from_hub: dict[str, Path] = {}

    @property
    def loaded_spec(self) -> str:
        """Empty while nothing is loaded."""
        return self._loaded.spec if self._loaded else ""

    def get(self, spec: str) -> BaseModel:
        """The base model `spec`, loaded when it isn't, or when its files have changed.

        Raises InvalidInputError when `spec` cannot be a base model, NotFoundError when it does not exist,
        UnavailableError when the hub cannot be reached, WrongStateError when its files cannot be used.
        """
        place, files = self._find(spec)
        if self._loaded is None or files != self._files:
            self._loaded = None  # before loading, or two would be in memory
            try:
                self._loaded = load(spec, place, self.placement)
            except SaggarError:
                self._from_hub.pop(spec, None)  # the hub may have what the cache lacks
                raise
            self._files = files
        elif self._loaded.spec != spec:  # the same files under another name, which cards are to give
            self._loaded = replace(self._loaded, spec=spec)
        return self._loaded

    def release(self) -> None:
        """Frees the memory of the loaded model."""
        self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def identify(self, spec: str) -> Identity:
        """What base model `spec` is, without loading it. Raises as `get`."""
        place, files = self._find(spec)
        if files not in self._identities:
            try:
                self._identities[files] = identity_of(place)
            except SaggarError:
                self._from_hub.pop(spec, None)
                raise
        return self._identities[files]

    def _find(self, spec: str) -> tuple[Path, tuple[tuple[str, int, int], ...]]:
        """Where base model `spec` lies, and its files of weights."""
        place = self._from_hub.pop(spec, None)
        if place is None or not place.is_dir():
            place = find(spec)
        files = _signatures(place)
        if spec != NANO and place != Path(spec):
            self._from_hub[spec] = place
        return place, files


def find(spec: str) -> Path:
    """The local folder, or single file, of base model `spec`, downloaded first when it is a hub id. Raises
    as `BaseModels.get`.
    """
    if spec == NANO:
        folder = nano.weights_path()
        if not (folder / "model_index.json").is_file():
            raise NotFoundError(
                f"the base model nano is not in this installation ({folder}); reinstall saggar-generator",
                spec,
            )
        return folder
    place = Path(spec)
    if spec and (place.is_dir() or place.is_file()):
        return place
    if place.suffix in single_file.SUFFIXES:
        raise NotFoundError(
            f"base model {spec}: no such file on the generator's machine; check the path, and that it is mounted",
            spec,
        )
    if hub_id := hub.ID.fullmatch(spec):
        return hub.download(hub_id["repository"], hub_id["revision"])
    if "/" in spec or "\\" in spec:
        raise NotFoundError(
            f"base model {spec}: no such folder on the generator's machine; check the path, and that it is mounted",
            spec,
        )
    example = hub.MOVED["runwayml/stable-diffusion-v1-5"]
    text = (
        f"'{spec}' is no base model: give nano, a hub id such as {example}@REVISION, a folder, or a .safetensors file"
    )
    raise InvalidInputError(text, (FieldViolation("base_model", text),))


def weight_files(place: Path) -> list[Path]:
    """The safetensors files of UNet, text encoder and autoencoder that diffusers would load, in a fixed
    order.

    Raises NotFoundError when one is missing, InvalidInputError when `place` is no Stable Diffusion pipeline.
    """
    if place.is_file():
        single_file.check(place)
        return [place]
    folder = place
    checking.check_pipeline(folder)
    variant = _variant(folder)
    return [path for part in _WEIGHTS for path in _part_files(folder / part, _WEIGHTS[part], variant)]


def content_hash(place: Path) -> str:
    """SHA-256 over the weights of UNet, text encoder and autoencoder; does not depend on where they lie. A
    single file's is its own, by which other programs know it too.
    """
    if place.is_file():
        single_file.check(place)
        return _sha256(place)
    digest = hashlib.sha256()
    for path in weight_files(place):
        digest.update(f"{path.parent.name} {_sha256(path)}\n".encode())
    return digest.hexdigest()


def identity_of(place: Path) -> Identity:
    """What the model in `place` is, once its files are known to be whole.

    Raises NotFoundError and InvalidInputError when they are not, and UnavailableError when a single file's
    configuration is the hub's, and that cannot be reached.
    """
    folder = single_file.configuration(place) if place.is_file() else place
    checking.check_weights(weight_files(place))
    checking.check_parts(folder)
    return Identity(content_hash(place), configuration_hash(folder))


def load(spec: str, place: Path, placement: Placement) -> BaseModel:
    """The pipeline in `place`, ready to run. Raises WrongStateError when its files cannot be read as one."""
    # Both libraries draw progress bars on standard error, which belongs to the log.
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    identity = identity_of(place)
    try:
        pipeline = _read(place, placement)
    except SaggarError:
        raise
    except Exception as error:  # diffusers raises almost anything on damaged files
        raise WrongStateError(
            f"base model {spec}: its files cannot be loaded ({error}); download or export it again"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    with memory_for(
        f"base model {spec}",
        placement,
        "set SAGGAR_MEMORY to sliced or offloaded for the generator, or end what else uses it",
    ):
        settle(pipeline, placement)
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        part.requires_grad_(requires_grad=False).eval()
    log.info(
        "base model %s (%s) loaded on %s in %s",
        spec,
        identity.content_hash[:12],
        placement.name,
        placement.precision,
    )
    return BaseModel(spec, identity, pipeline, dict(pipeline.scheduler.config), placement)


def _read(place: Path, placement: Placement) -> Any:
    if place.is_file():
        return single_file.load(place, placement.dtype, _LEFT_OUT)
    return StableDiffusionPipeline.from_pretrained(
        place,
        dtype=placement.dtype,
        variant=_variant(place),
        use_safetensors=True,
        local_files_only=True,
        **_LEFT_OUT,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _configuration_files(folder: Path) -> list[Path]:
    parts = (folder, *(folder / part for part in ("scheduler", "tokenizer", *_WEIGHTS)))
    return sorted(path for part in parts for path in part.glob("*.json"))


def _signatures(place: Path) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of change of every file of weights and configuration."""
    found = []
    folder = single_file.configuration_beside(place) if place.is_file() else place
    for path in (*weight_files(place), *(_configuration_files(folder) if folder else ())):
        status = path.resolve().stat()
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)
