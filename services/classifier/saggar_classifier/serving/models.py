"""The model that is being served, and how another takes its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.bundle import BundleCard, BundleModel
from saggar.errors import DataCorruptionError, WrongStateError
from saggar.images import preprocess
from saggar.store import ObjectRef, ObjectStore

Probabilities = dict[str, npt.NDArray[np.float32]]

TOLERANCE = 1e-3  # of the sum of a float32 softmax


@dataclass(frozen=True)
class ServedModel:
    """One loaded bundle. Immutable, so that a request keeps the model that it started with."""

    bundle: ObjectRef
    network: BundleModel

    @property
    def card(self) -> BundleCard:
        return self.network.card

    @property
    def model_id(self) -> str:
        return self.card.bundle_id

    def classify(self, image: Image.Image) -> Probabilities:
        """Probabilities [C] per task."""
        images = preprocess(image, self.card.input_spec)[None]  # [1, 3, S, S]
        return {task: values[0] for task, values in self.network.predict(images).items()}


class ModelSlot:
    """Holds the served model. Requests in hand finish with the model that they found."""

    def __init__(self) -> None:
        self._model: ServedModel | None = None

    def current(self) -> ServedModel:
        """The served model; raises WrongStateError when there is none."""
        if self._model is None:
            raise WrongStateError(
                "no model is active; activate one (`saggar models activate`), or start the classifier with SAGGAR_MODEL"
            )
        return self._model

    def activate(self, model: ServedModel) -> None:
        """Serve `model` from now on."""
        self._model = model


def load_model(store: ObjectStore, bundle: ObjectRef, threads: int) -> ServedModel:
    """Load `bundle` and try it on a built-in image.

    Raises InvalidInputError when it is no bundle, DataCorruptionError when it does not work, and the store's
    errors.
    """
    model = ServedModel(bundle, BundleModel.load(store, bundle, threads=threads))
    ramp = np.broadcast_to(np.linspace(0, 255, 64, dtype=np.uint8), (64, 64))
    for task, values in model.classify(Image.fromarray(ramp).convert("RGB")).items():
        if not np.isfinite(values).all() or abs(float(values.sum()) - 1) > TOLERANCE:
            raise DataCorruptionError(
                f"bundle {model.model_id}: {task} gives no probabilities on the built-in image; train it again"
            )
    return model
