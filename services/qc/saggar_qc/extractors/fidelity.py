"""The extractors that values in papers are made with, through torch-fidelity: Inception-v3 and DINOv2.

Their weights come from where torch-fidelity takes them (a download), or from files. Resize mode `fidelity` leaves
resizing to torch-fidelity; `clean` does it before (see `clean`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError
from saggar.images import IMAGENET_MEAN, IMAGENET_STD
from saggar.job_settings.screening import Resize
from saggar.taxonomy import Taxonomy

from saggar_qc.extractors.clean import CleanExtractor
from saggar_qc.extractors.features import Analysis, Dinov2Model, FeatureExtractor, Prepared

_INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
_WHERE = "torch-fidelity's usual source"


class FidelityExtractor:
    """A network of torch-fidelity, which takes RGB images [N, 3, H, W] uint8 and brings them to its size."""

    taxonomy: Taxonomy | None = None
    libraries = ("torch-fidelity", "torch")
    resize = "fidelity"

    def __init__(self, name: str, side_px: int, network: Any) -> None:
        self.name = name
        self.preparation = f"{side_px} px, stretched, bilinear as in TensorFlow 1"
        self._network = network

    def prepare(self, image: Image.Image) -> Prepared:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))  # [3, H, W] uint8

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        """Images of one size go through the network together."""
        import torch

        found: dict[int, Any] = {}
        with torch.inference_mode():
            for positions in _by_size(images):
                batch = torch.from_numpy(np.stack([images[i] for i in positions]))
                rows = self._network(batch)[0].numpy().astype(np.float32)
                found.update(zip(positions, rows, strict=True))
        return Analysis(np.stack([found[i] for i in range(len(images))]))


def inception(
    weights: bytes | None, source: str = "Inception weights", resize: Resize = "fidelity"
) -> FeatureExtractor:
    """`inception-v3-compat`, 2,048 pooled features; `weights` None: downloaded.

    InvalidInputError, naming `source`, when `weights` are not torch-fidelity's; UnavailableError when they
    cannot be downloaded.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import (  # type: ignore[import-untyped]
        FeatureExtractorInceptionV3,
    )

    name, side_px = "inception-v3-compat", FeatureExtractorInceptionV3.INPUT_IMAGE_SIZE
    if weights is None:
        network = _downloaded(lambda: FeatureExtractorInceptionV3(name, ["2048"]))
    else:
        network = _inception_from(weights, source, name)
    if resize == "fidelity":
        return FidelityExtractor(name, side_px, network)
    *layers, _classes = network.children()  # in the order in which torch-fidelity's own pass goes through them

    def features_of(pixels: Any) -> Any:
        values = (pixels - 128) / 128  # as torch-fidelity scales them
        for layer in layers:
            values = layer(values)
        return values.flatten(1)

    return CleanExtractor(name, side_px, features_of)


def _inception_from(weights: bytes, source: str, name: str) -> Any:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        # torch-fidelity unpickles whatever the file holds; this refuses anything but tensors first.
        torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
        return FeatureExtractorInceptionV3(name, ["2048"], feature_extractor_weights_path=io.BytesIO(weights))
    except Exception as error:  # torch raises anything here, down to EOFError
        raise InvalidInputError(
            f"{source}: not the Inception-v3 weights of torch-fidelity ({type(error).__name__}); "
            f"download {_INCEPTION_FILE} from its releases, or use a bundle"
        ) from error


def dinov2(
    model: Dinov2Model, repository: Path | None, weights: Path | None, resize: Resize = "fidelity"
) -> FeatureExtractor:
    """DINOv2's class token; `repository` and `weights` None: torch.hub downloads code and weights.

    `repository` is a folder with DINOv2's code (its hubconf.py), which is run; `weights` a file of its
    tensors. Raises NotFoundError or InvalidInputError for those, UnavailableError when a download fails.
    """
    from torch_fidelity.feature_extractor_dinov2 import (  # type: ignore[import-untyped]
        MODEL_METADATA,
        FeatureExtractorDinoV2,
    )

    name, side_px = f"dinov2-{model}", FeatureExtractorDinoV2.INPUT_IMAGE_SIZE
    if repository is None and weights is None:
        whole = _downloaded(lambda: FeatureExtractorDinoV2(name, ["dinov2"]))
        return _of_dinov2(name, side_px, whole, resize)
    if repository is None or weights is None:
        raise InvalidInputError(
            "DINOv2 from files needs both: the folder of its code (hubconf.py) and the file of its weights"
        )
    network = _hub_model(repository, MODEL_METADATA[name], weights)

    class FromFiles(FeatureExtractorDinoV2):  # type: ignore[misc]
        """torch-fidelity's preparation and output around a network that is there already."""

        def __init__(self) -> None:
            super(FeatureExtractorDinoV2, self).__init__(name, ["dinov2"])
            import torch

            self.feature_extractor_internal_dtype = torch.float32
            self.model = network
            self.requires_grad_(False)
            self.eval()

    return _of_dinov2(name, side_px, FromFiles(), resize)


def _of_dinov2(name: str, side_px: int, network: Any, resize: Resize) -> FeatureExtractor:
    if resize == "fidelity":
        return FidelityExtractor(name, side_px, network)

    def features_of(pixels: Any) -> Any:
        mean, std = (pixels.new_tensor(values).view(3, 1, 1) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
        return network.model((pixels - mean) / std)  # as torch-fidelity scales them

    return CleanExtractor(name, side_px, features_of)


def _hub_model(repository: Path, entry: str, weights: Path) -> Any:
    import torch

    if not (repository / "hubconf.py").is_file():
        raise NotFoundError(f"{repository}: no hubconf.py; name a folder of DINOv2's code", str(repository))
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NotFoundError(f"{weights}: cannot read DINOv2's weights ({error.strerror})", str(weights)) from None
    except Exception as error:  # torch raises anything here
        raise InvalidInputError(f"{weights}: not a file of tensors ({type(error).__name__})") from error
    network: Any = torch.hub.load(  # type: ignore[no-untyped-call]
        str(repository), entry, source="local", pretrained=False
    )
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InvalidInputError(f"{weights}: not the weights of {entry} ({error})") from None
    return network


def _downloaded(build: Any) -> Any:
    try:
        return build()
    except (OSError, RuntimeError) as error:  # URLError is an OSError
        raise UnavailableError(
            f"the extractor's weights cannot be downloaded from {_WHERE} ({error}); name files on the qc "
            "service's machine, or use a bundle"
        ) from error


def _by_size(images: Sequence[Prepared]) -> Iterator[list[int]]:
    sizes: dict[tuple[int, ...], list[int]] = {}
    for position, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(position)
    yield from sizes.values()


DINOV2_MODELS: tuple[str, ...] = get_args(Dinov2Model)
