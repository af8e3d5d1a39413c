"""What a feature extractor is: a network that turns images into the vectors which sets are measured by.

Values of different extractors do not compare, so each has a name that stands beside every result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
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
        """E.g. `backbone:<bundle id>`, `inception-v3-compat`, or `inception-v3-compat:clean` by resize mode `clean`."""
        ...

    @property
    def preparation(self) -> str:
        """How images are brought to the network's size, for the report."""
        ...

    @property
    def resize(self) -> str:
        """The resize mode of the networks of papers, `fidelity` or `clean`; `bundle`: the bundle's own preparation."""
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
