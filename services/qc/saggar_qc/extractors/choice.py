"""Which extractor is asked for, its identity, and how it is opened."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from saggar.bundle import BundleModel
from saggar.errors import NotFoundError
from saggar.files.regular import read_regular
from saggar.job_settings.screening import Resize
from saggar.store import ObjectRef, ObjectStore

from saggar_qc.extractors.backbone import BackboneExtractor
from saggar_qc.extractors.features import Dinov2Model, FeatureExtractor


@dataclass(frozen=True)
class BundleChoice:
    """The pooled backbone of a classifier bundle."""

    bundle: ObjectRef  # bundles/<id>/bundle.json


@dataclass(frozen=True)
class InceptionChoice:
    """torch-fidelity's Inception-v3."""

    weights: Path | None = None  # None: downloaded
    resize: Resize = "fidelity"


@dataclass(frozen=True)
class Dinov2Choice:
    """torch-fidelity's DINOv2."""

    model: Dinov2Model = "vit-b-14"
    repository: Path | None = None  # both None: downloaded
    weights: Path | None = None
    resize: Resize = "fidelity"


Choice = BundleChoice | InceptionChoice | Dinov2Choice


def identity(choice: Choice) -> str:
    """Equal for extractors that give equal features. NotFoundError when the weights' file is missing."""
    match choice:
        case BundleChoice(bundle):
            return f"backbone:{bundle.sha256}"
        case InceptionChoice(weights, resize):
            return f"inception-v3-compat{_mode(resize)}:{_digest(weights)}"
        case Dinov2Choice(model, _, weights, resize):
            return f"dinov2-{model}{_mode(resize)}:{_digest(weights)}"


def open_extractor(choice: Choice, store: ObjectStore, threads: int = 0) -> FeatureExtractor:
    """Loads the network; `threads` 0: as many as there are cores.

    Raises as `BundleModel.load`; NotFoundError or InvalidInputError for files of weights, UnavailableError
    when weights cannot be downloaded.
    """
    if isinstance(choice, BundleChoice):
        return BackboneExtractor(BundleModel.load(store, choice.bundle, threads))
    from saggar_qc.extractors.fidelity import dinov2, inception  # torch

    match choice:
        case InceptionChoice(weights, resize):
            return inception(None if weights is None else _read_weights(weights), str(weights), resize)
        case Dinov2Choice(model, repository, weights, resize):
            return dinov2(model, repository, weights, resize)


_LARGEST_WEIGHTS_BYTES = 4 << 30


def _mode(resize: Resize) -> str:
    """Nothing for `fidelity`: what was computed before there were modes is found again."""
    return "" if resize == "fidelity" else f":{resize}"


def _digest(weights: Path | None) -> str:
    return "usual weights" if weights is None else hashlib.sha256(_read_weights(weights)).hexdigest()


def _read_weights(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST_WEIGHTS_BYTES)
    except OSError as error:
        raise NotFoundError(
            f"{path}: cannot read the weights on the qc service's machine ({error.strerror}); "
            "check the path, or use a bundle's backbone",
            str(path),
        ) from None
