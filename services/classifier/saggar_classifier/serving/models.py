"""The model that is being served, and how another takes its place."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.bundle import BundleCard, BundleModel, read_card, read_neighbours, read_novelty
from saggar.errors import DataCorruptionError, WrongStateError
from saggar.images import preprocess
from saggar.rpc.readiness import Readiness
from saggar.store import ObjectRef, ObjectStore

from saggar_classifier.answers.answering import Probabilities, Question, answer
from saggar_classifier.answers.speaker import Speaker
from saggar_classifier.networks.choosing import Wish, open_network

TOLERANCE = 1e-3  # of the sum of a float32 softmax
_FAILURES = 3  # of the network, one after another, after which the service is not ready


@dataclass(frozen=True)
class Outputs:
    """What the network gives for one photograph, and how long it took."""

    probabilities: Probabilities  # [C] per task
    features: npt.NDArray[np.float32]  # [F]
    network_s: float


@dataclass(frozen=True)
class ServedModel:
    """One loaded bundle. Immutable, so that a request keeps the model that it started with.

    Its session has one thread, the caller's: photographs are classified beside each other rather than together,
    which is the fastest that a processor can do.
    """

    bundle: ObjectRef
    network: BundleModel
    speaker: Speaker
    precision: str = "float32"  # of the numbers that the network computes with
    compromise: str = ""  # why it does not run as the operator asked; empty where it does

    @property
    def card(self) -> BundleCard:
        return self.network.card

    @property
    def model_id(self) -> str:
        return self.card.bundle_id

    def classify(self, image: Image.Image, limit_s: float | None = None) -> Outputs:
        """DataCorruptionError where the network takes longer than `limit_s`."""
        images = preprocess(image, self.card.input_spec)[None]  # [1, 3, S, S]
        begun = time.perf_counter()
        probabilities, features = self.network.run(images, limit_s)
        took = time.perf_counter() - begun
        by_task = {task: values[0] for task, values in probabilities.items()}
        return Outputs(by_task, features[0], took)

    def try_out(self, limit_s: float) -> None:
        """Raises DataCorruptionError unless it answers for the built-in image, in time, with probabilities."""
        ramp = np.broadcast_to(np.linspace(0, 255, 64, dtype=np.uint8), (64, 64))
        outputs = self.classify(Image.fromarray(ramp).convert("RGB"), limit_s)
        for task, values in outputs.probabilities.items():
            if not np.isfinite(values).all() or abs(float(values.sum()) - 1) > TOLERANCE:
                raise DataCorruptionError(
                    f"bundle {self.model_id}: {task} gives no probabilities on the built-in image; train it again"
                )
        try:
            said = answer(self.speaker, outputs.probabilities, outputs.features, Question(neighbours=1))
        except ValueError as error:  # numpy's, where shapes do not go together
            raise DataCorruptionError(
                f"bundle {self.model_id}: its rules do not fit its network ({error}); train it again"
            ) from error
        if said.novelty is not None and not np.isfinite(said.novelty.score):
            raise DataCorruptionError(
                f"bundle {self.model_id}: the not-porcelain score of the built-in image is not a number; train it again"
            )


class ModelSlot:
    """Holds the served model. Requests in hand finish with the model that they found."""

    def __init__(self, readiness: Readiness | None = None) -> None:
        """`readiness` is true as long as there is a model that works."""
        self.readiness = readiness or Readiness()
        self.model: ServedModel | None = None
        self.previous: ServedModel | None = None
        self._failures = 0
        self._lock = threading.Lock()

    def current(self) -> ServedModel:
        """The served model; raises WrongStateError when there is none."""
        if self.model is None:
            raise WrongStateError(
                "no model is active; activate one (`saggar models activate`), or start the classifier with SAGGAR_MODEL"
            )
        return self.model

    def named(self, model_id: str) -> ServedModel | None:
        """The served model, or the one before it, where it has this id."""
        return next((model for model in (self.model, self.previous) if model and model.model_id == model_id), None)

    def loaded(self, bundle: ObjectRef) -> ServedModel | None:
        """The served model, or the one before it, where it is that of `bundle`."""
        return next((model for model in (self.model, self.previous) if model and model.bundle == bundle), None)

    def activate(self, model: ServedModel) -> None:
        """Serve `model` from now on; the one before it stays loaded, for a change of mind."""
        with self._lock:
            if model is not self.model:
                self.model, self.previous = model, self.model
            self._failures = 0
        self.readiness.set(ready=True)

    def unload(self, model: ServedModel) -> None:
        """No longer have `model`; not ready where it was the served one."""
        with self._lock:
            if model is self.previous:
                self.previous = None
            if model is self.model:
                self.model = None
        if self.model is None:
            self.readiness.set(ready=False)

    def note(self, *, worked: bool) -> None:
        """What became of a run of the network."""
        if worked and not self._failures:
            return
        with self._lock:
            self._failures = 0 if worked else self._failures + 1
            failing = self._failures >= _FAILURES
        if failing:
            self.readiness.set(ready=False)

    def try_again(self, limit_s: float) -> None:
        """Tries the model out where it failed, and is ready again where it works."""
        if self.model is None or self.readiness.ready:
            return
        self.model.try_out(limit_s)
        self.note(worked=True)
        self.readiness.set(ready=True)


def load_model(store: ObjectStore, bundle: ObjectRef, limit_s: float, wish: Wish | None = None) -> ServedModel:
    """Load `bundle` to run as `wish` says, try it on its golden sample, if it has one, and on a built-in image, which
    also warms it up.

    Raises InvalidInputError when it is no bundle, DataCorruptionError when it does not work, takes longer than
    `limit_s` seconds, or no longer gives the golden sample's logits, and the store's errors.
    """
    card = read_card(store, bundle)
    opened = open_network(store, card, limit_s, wish or Wish())
    speaker = Speaker.of(card, read_novelty(store, card), read_neighbours(store, card))
    model = ServedModel(bundle, opened.model, speaker, opened.precision, opened.compromise)
    model.try_out(limit_s)
    return model
