"""Where in a photograph a class comes from: Grad-CAM, exactly, without torch.

Grad-CAM (Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74, equations 1 and 2) weighs the last convolution's maps A_k by
the mean over their places of a logit's gradient, adds them, and keeps what is above 0. Here the heads see the maps
through their mean f_k alone, so the gradient is the same at every place, df/dA = 1 / (h w): the weights are the heads'
own gradient by f_k over h w. The heads are a few linear layers with ReLU between, whose gradient is their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saggar.bundle.card import BundleCard
from saggar.bundle.model import BundleModel
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.store import ObjectStore

Float32 = npt.NDArray[np.float32]

TOLERANCE = 1e-3  # of a logit, between these heads and the exported network's


@dataclass(frozen=True)
class Layer:
    """y = weight @ x + bias."""

    weight: Float32  # [out, in]
    bias: Float32  # [out]


@dataclass(frozen=True)
class Heads:
    """What turns pooled features into logits: `trunk`'s layers, each with a ReLU, then one layer per task."""

    trunk: Sequence[Layer]
    by_task: Mapping[str, Layer]

    def logits(self, features: Float32, task: str) -> Float32:
        """[N, C] of features [N, F]."""
        hidden = features
        for layer in self.trunk:
            hidden = np.maximum(hidden @ layer.weight.T + layer.bias, 0)
        last = self.by_task[task]
        return np.asarray(hidden @ last.weight.T + last.bias, np.float32)

    def gradient(self, features: Float32, task: str, index: int) -> Float32:
        """[N, F] of the logit of class `index` by features [N, F]."""
        hidden, open_units = features, []
        for layer in self.trunk:
            before = hidden @ layer.weight.T + layer.bias
            open_units.append(before > 0)
            hidden = np.maximum(before, 0)
        slope = np.repeat(self.by_task[task].weight[index][None], len(features), axis=0)
        for layer, is_open in zip(reversed(self.trunk), reversed(open_units), strict=True):
            slope = (slope * is_open) @ layer.weight
        return np.asarray(slope, np.float32)


def read_heads(store: ObjectStore, card: BundleCard) -> Heads:
    """The heads of a bundle, from its weights; needs safetensors.

    Raises DataCorruptionError when they are no safetensors, InvalidInputError when they are not laid out as the
    trainer's, and as `ObjectStore.read`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = store.read(card.weights)
    try:
        state = load(data)
    except SafetensorError as error:
        raise DataCorruptionError(f"{card.weights.key}: not safetensors ({error}); train the bundle again") from error

    def layer(name: str) -> Layer:
        return Layer(*(np.asarray(state[f"{name}.{part}"], np.float32) for part in ("weight", "bias")))

    places = sorted({int(key.split(".")[1]) for key in state if key.startswith("trunk.")})
    try:
        trunk = [layer(f"trunk.{place}") for place in places]
        return Heads(trunk, {task: layer(f"heads.task_{task}") for task in card.taxonomy.task_names})
    except KeyError as error:
        raise InvalidInputError(
            f"{card.weights.key} has no {error}: a network of another kind, which cannot be explained"
        ) from None


@dataclass(frozen=True)
class Explainer:
    """Says where in photographs the classes of `model` come from."""

    model: BundleModel
    heads: Heads

    def __post_init__(self) -> None:
        if not self.model.has_maps:
            raise InvalidInputError(
                f"bundle {self.model.card.bundle_id} was written before maps were part of bundles, so it cannot be "
                "explained; train it again"
            )

    def look(self, images: Float32) -> Look:
        """Images [N, 3, S, S] as the network sees them. Raises DataCorruptionError where the weights are not the
        network's, and as `BundleModel.logits`.
        """
        logits, _ = self.model.logits(images)
        maps = self.model.maps(images)
        features = np.asarray(maps.mean(axis=(2, 3)), np.float32)
        for task, expected in logits.items():
            apart = float(np.abs(self.heads.logits(features, task) - expected).max(initial=0))
            if not apart <= TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0))):
                raise DataCorruptionError(
                    f"bundle {self.model.card.bundle_id}: its weights give {task} {apart:.3g} from its network's; "
                    "train it again"
                )
        return Look(self.heads, logits, features, maps)


@dataclass(frozen=True)
class Look:
    """N images, as a network sees them."""

    heads: Heads
    logits: Mapping[str, Float32]  # task -> [N, C]
    features: Float32  # [N, F], the means of `maps`
    maps: Float32  # [N, F, h, w]

    def heat(self, task: str, index: int) -> Float32:
        """[N, h, w], 0 or more: how much each place speaks for class `index` of `task`, in logits."""
        weights = self.heads.gradient(self.features, task, index) / (self.maps.shape[2] * self.maps.shape[3])
        return np.asarray(np.maximum(np.einsum("nf,nfhw->nhw", weights, self.maps), 0), np.float32)
