"""Features and class probabilities of a classifier bundle, by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from saggar.bundle import BundleModel
from saggar.images import preprocess
from saggar.taxonomy import Taxonomy

from saggar_qc.extractors.features import Analysis, Prepared


class BackboneExtractor:
    """The pooled backbone of a bundle, and what its heads say."""

    def __init__(self, model: BundleModel) -> None:
        self._model = model
        self.name = f"backbone:{model.card.bundle_id}"
        self.preparation = f"{model.card.input_spec.size_px} px, {model.card.input_spec.resize}"
        self.resize = "bundle"
        self.libraries: tuple[str, ...] = ("onnxruntime",)
        self.taxonomy: Taxonomy | None = model.card.taxonomy

    def prepare(self, image: Image.Image) -> Prepared:
        return preprocess(image, self._model.card.input_spec)

    def analyse(self, images: Sequence[Prepared]) -> Analysis:
        probabilities, features = self._model.run(np.stack(images))
        return Analysis(features, probabilities)
