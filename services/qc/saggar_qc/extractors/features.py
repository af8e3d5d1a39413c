"""Feature extractors: the networks that turn images into the vectors which sets are measured by.

Values of different extractors do not compare, so each has a name that stands beside every result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.bundle import BundleModel
from saggar.errors import NotFoundError
from saggar.images import preprocess
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

Prepared = npt.NDArray[Any]  # one image as the extractor's network takes it
Float32 = npt.NDArray[np.float32]
Dinov2Model = Literal["vit-s-14", "vit-b-14", "vit-l-14", "vit-g-14"]


@dataclass(frozen=True)
class Analysis:
    """Of N images: features [N, F]; class probabilities [N, C] by task where the network is a classifier."""

    features: Float32
    probabilities: Mapping[str, Float32] = field(default_factory=dict)


class FeatureExtractor(Protocol):
    """A network with fixed weights. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """E.g. `backbone:<bundle id>` or `inception-v3-compat`."""
        ...

    @property
    def preparation(self) -> str:
        """How images are brought to the network's size, for the report."""
        ...

    @property
    def libraries(self) -> tuple[str, ...]:
        """The distributions whose versions its features depend on."""
        ...

    @property
    def taxonomy(self) -> Taxonomy | None:
        """What its probabilities are of; None when it gives none."""
        ...

    def prepare(self, image: Image.Image) -> Prepared:
        """An RGB image as the network takes it."""
        ...

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        """At least one image."""
        ...


@dataclass(frozen=True)
class BundleChoice:
    """The pooled backbone of a classifier bundle."""

    bundle: ObjectRef  # bundles/<id>/bundle.json


@dataclass(frozen=True)
class InceptionChoice:
    """torch-fidelity's Inception-v3."""

    weights: Path | None = None  # None: downloaded


@dataclass(frozen=True)
class Dinov2Choice:
    """torch-fidelity's DINOv2."""

    model: Dinov2Model = "vit-b-14"
    repository: Path | None = None  # both None: downloaded
    weights: Path | None = None


Choice = BundleChoice | InceptionChoice | Dinov2Choice


def identity(choice: Choice) -> str:
    """Equal for extractors that give equal features. NotFoundError when the weights' file is missing."""
    match choice:
        case BundleChoice(bundle):
            return f"backbone:{bundle.sha256}"
        case InceptionChoice(weights):
            return f"inception-v3-compat:{_digest(weights)}"
        case Dinov2Choice(model, _, weights):
            return f"dinov2-{model}:{_digest(weights)}"


def open_extractor(choice: Choice, store: ObjectStore, threads: int = 0) -> FeatureExtractor:
    """Loads the network; `threads` 0: as many as there are cores.

    Raises as `BundleModel.load`; NotFoundError or InvalidInputError for files of weights, UnavailableError
    when weights cannot be downloaded.
    """
    if isinstance(choice, BundleChoice):
        return BackboneExtractor(BundleModel.load(store, choice.bundle, threads))
    from saggar_qc.extractors.fidelity import dinov2, inception  # torch

    match choice:
        case InceptionChoice(weights):
            return inception(None if weights is None else _read_weights(weights), str(weights))
        case Dinov2Choice(model, repository, weights):
            return dinov2(model, repository, weights)


class BackboneExtractor:
    """Features and probabilities of a classifier bundle, by ONNX Runtime."""

    def __init__(self, model: BundleModel) -> None:
        self._model = model
        self.name = f"backbone:{model.card.bundle_id}"
        self.preparation = f"{model.card.input_spec.size_px} px, {model.card.input_spec.resize}"
        self.libraries: tuple[str, ...] = ("onnxruntime",)
        self.taxonomy: Taxonomy | None = model.card.taxonomy

    def prepare(self, image: Image.Image) -> Prepared:
        return preprocess(image, self._model.card.input_spec)

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        probabilities, features = self._model.run(np.stack(images))
        return Analysis(features, probabilities)


def _digest(weights: Path | None) -> str:
    return "usual weights" if weights is None else hashlib.sha256(_read_weights(weights)).hexdigest()


def _read_weights(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"{path}: cannot read the weights on the qc service's machine ({error.strerror}); "
            "check the path, or use a bundle's backbone",
            str(path),
        ) from None
