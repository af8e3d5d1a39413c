"""Feature extractors: the networks that turn images into the vectors which sets are measured by.

Values of different extractors do not compare, so each has a name that stands beside every result.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.bundle import BundleModel
from saggar.errors import InvalidInputError, NotFoundError
from saggar.images import preprocess
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

Prepared = npt.NDArray[Any]  # one image as the extractor's network takes it
Float32 = npt.NDArray[np.float32]


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
    """torch-fidelity's Inception-v3, from a local file of its weights."""

    weights: Path


Choice = BundleChoice | InceptionChoice


def identity(choice: Choice) -> str:
    """Equal for extractors that give equal features. NotFoundError when the weights' file is missing."""
    if isinstance(choice, BundleChoice):
        return f"backbone:{choice.bundle.sha256}"
    return f"{InceptionExtractor.name}:{hashlib.sha256(_read_weights(choice.weights)).hexdigest()}"


def open_extractor(choice: Choice, store: ObjectStore, threads: int = 0) -> FeatureExtractor:
    """Loads the network; `threads` 0: as many as there are cores.

    Raises as `BundleModel.load`; NotFoundError or InvalidInputError for the file of Inception weights.
    """
    if isinstance(choice, BundleChoice):
        return BackboneExtractor(BundleModel.load(store, choice.bundle, threads))
    return InceptionExtractor(_read_weights(choice.weights), str(choice.weights))


class BackboneExtractor:
    """Features and probabilities of a classifier bundle, by ONNX Runtime."""

    def __init__(self, model: BundleModel) -> None:
        self._model = model
        self.name = f"backbone:{model.card.bundle_id}"
        self.preparation = f"{model.card.input_spec.size_px} px, {model.card.input_spec.resize}"
        self.taxonomy: Taxonomy | None = model.card.taxonomy

    def prepare(self, image: Image.Image) -> Prepared:
        return preprocess(image, self._model.card.input_spec)

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        probabilities, features = self._model.run(np.stack(images))
        return Analysis(features, probabilities)


class InceptionExtractor:
    """The 2,048 pooled features of torch-fidelity's `inception-v3-compat`, as values in papers have them."""

    name = "inception-v3-compat"
    preparation = "299 px, stretched, bilinear as in TensorFlow 1"
    taxonomy: Taxonomy | None = None

    def __init__(self, weights: bytes, source: str = "Inception weights") -> None:
        """InvalidInputError, naming `source`, when `weights` are not torch-fidelity's."""
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import (  # type: ignore[import-untyped]
            FeatureExtractorInceptionV3,
        )

        try:
            # torch-fidelity unpickles whatever the file holds; this refuses anything but tensors first.
            torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
            self._network = FeatureExtractorInceptionV3(
                self.name, ["2048"], feature_extractor_weights_path=io.BytesIO(weights)
            )
        except Exception as error:  # torch raises anything here, down to EOFError
            raise InvalidInputError(
                f"{source}: not the Inception-v3 weights of torch-fidelity ({type(error).__name__}); "
                "download weights-inception-2015-12-05-6726825d.pth from its releases, or use a bundle"
            ) from error

    def prepare(self, image: Image.Image) -> Prepared:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))  # [3, H, W] uint8

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        """Images of one size go through the network together."""
        import torch

        features = np.empty((len(images), 2048), dtype=np.float32)
        with torch.inference_mode():
            for positions in _by_size(images):
                batch = torch.from_numpy(np.stack([images[i] for i in positions]))
                features[positions] = self._network(batch)[0].numpy()
        return Analysis(features)


def _by_size(images: Sequence[Prepared]) -> Iterator[list[int]]:
    sizes: dict[tuple[int, ...], list[int]] = {}
    for position, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(position)
    yield from sizes.values()


def _read_weights(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"{path}: cannot read the Inception weights on the qc service's machine ({error.strerror}); "
            "check the path, or use a bundle's backbone",
            str(path),
        ) from None
