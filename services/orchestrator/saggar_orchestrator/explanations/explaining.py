"""What a classifier says of one photograph, and the places that speak for it."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.bundle import BundleModel, read_card
from saggar.bundle.explaining import Explainer, read_heads
from saggar.errors import NotFoundError, WrongStateError
from saggar.images import decode, preprocess
from saggar.store import ObjectStore

SHOWN_PX = 448  # side of the photograph as it is shown
NEEDED = ("onnxruntime", "safetensors")


@dataclass(frozen=True)
class ExplainedClass:
    """A class, how probable it is, and how much each place speaks for it, in logits."""

    code: str
    name: str
    probability: float
    heat: npt.NDArray[np.float32]  # [h, w], 0 or more


@dataclass(frozen=True)
class Explanation:
    """Of one photograph, framed as the network sees it."""

    model_id: str
    photograph: Image.Image  # square
    classes: Mapping[str, Sequence[ExplainedClass]]  # task -> likeliest first

    def to_json(self) -> dict[str, Any]:
        return {
            task: [
                {"code": one.code, "name": one.name, "probability": one.probability, "heat": one.heat.tolist()}
                for one in classes
            ]
            for task, classes in self.classes.items()
        }


def explain_photograph(store: ObjectStore, model_id: str, data: bytes, source: str, top: int) -> Explanation:
    """The `top` likeliest classes of every task of an encoded photograph.

    Raises WrongStateError where libraries are missing, NotFoundError without the model, InvalidInputError for what is
    no photograph or a model of another kind, DataCorruptionError, and the store's errors.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise WrongStateError(
            f"saggar explain needs {' and '.join(missing)}: pip install 'saggar-orchestrator[explain]'"
        )
    key = f"bundles/{model_id}/bundle.json"
    if not store.exists(key):
        raise NotFoundError(f"model {model_id} is not in this store; `saggar models list` shows all", model_id)
    card = read_card(store, store.stat(key))
    spec = card.input_spec
    photograph = decode(data, source, enough_px=spec.enough_px)
    model = BundleModel.load(store, store.stat(key), threads=1)
    look = Explainer(model, read_heads(store, card)).look(preprocess(photograph, spec)[None])
    classes = {}
    for task in card.taxonomy.tasks:
        probabilities = card.probabilities(task.name, look.logits[task.name])[0]
        likeliest = np.argsort(-probabilities, kind="stable")[:top].tolist()
        classes[task.name] = [
            ExplainedClass(
                task.codes[index],
                task.classes[index].names.en,
                float(probabilities[index]),
                look.heat(task.name, index)[0],
            )
            for index in likeliest
        ]
    shown = dataclasses.replace(spec, size_px=SHOWN_PX, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    pixels = (preprocess(photograph, shown) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return Explanation(card.bundle_id, Image.fromarray(pixels), classes)
