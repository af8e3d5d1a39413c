"""Whether a photograph is like those that the network has learnt from, by its pooled features.

Mahalanobis++ (Mueller and Hein 2025, arXiv:2505.18032): features are scaled to length 1, then the distance to the
nearest class mean under one covariance that all classes share, less the distance to the overall mean (the relative
form, Ren et al. 2021, arXiv:2106.09022). Above `threshold` an image is called "not like the training photographs".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from saggar.errors import DataCorruptionError
from saggar.files.npz import npz_bytes, read_npz

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class NoveltyRule(BaseModel):
    """What the threshold promises."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float
    false_alarms: float = Field(gt=0, lt=1)  # share of new objects like those of calibration above the threshold
    objects: int = Field(ge=1)


@dataclass(frozen=True)
class NoveltyModel:
    """Distances to class means less the distance to the whole, as one quadratic function of a feature x of length 1:
    x square x + linear x + constant, and for each task the least of slopes x + offsets over its classes.

    All classes of a task share a covariance, so the quadratic part is the same for all of them: one matrix says what a
    whitening for every task and one for the whole would say, in a ninth of the space.
    """

    square: Float32  # [F, F], symmetric
    linear: Float32  # [F]
    constant: float
    slopes: dict[str, Float32]  # task -> [F, C]
    offsets: dict[str, Float64]  # task -> [C]

    def scores(self, features: Float32) -> Float64:
        """[N] mean over tasks of (squared distance to the nearest class - to the overall mean); features [N, F].

        Where no class was known, the squared distance to the overall mean.
        """
        unit = to_unit_length(features)
        with np.errstate(all="ignore"):  # numbers that make no sense show in the scores
            total = np.einsum("nf,nf->n", unit @ self.square, unit, dtype=np.float64)
            total += unit @ self.linear + self.constant
            for task, slopes in self.slopes.items():
                total += (unit @ slopes + self.offsets[task]).min(axis=1)
        return np.asarray(total, dtype=np.float64)

    def to_bytes(self) -> bytes:
        """As .npz, the same bytes for the same arrays; of `square` the upper triangle."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "upper": self.square[np.triu_indices(len(self.square))],
            "linear": self.linear,
            "constant": np.float64(self.constant).reshape(1),
        }
        for task in self.slopes:
            arrays |= {f"slopes_{task}": self.slopes[task], f"offsets_{task}": self.offsets[task]}
        return npz_bytes(arrays)

    @staticmethod
    def from_bytes(data: bytes, source: str) -> NoveltyModel:
        """What `to_bytes` wrote; raises DataCorruptionError when it is anything else."""
        try:
            arrays = read_npz(data)
            linear = np.asarray(arrays["linear"], np.float32)
            square = np.zeros((len(linear), len(linear)), np.float32)
            upper = np.triu_indices(len(linear))
            square[upper] = arrays["upper"].reshape(upper[0].shape)  # another number of them is a ValueError
            square.T[upper] = square[upper]
            tasks = [name.removeprefix("slopes_") for name in arrays if name.startswith("slopes_")]
            return NoveltyModel(
                square,
                linear,
                float(arrays["constant"][0]),
                {task: np.asarray(arrays[f"slopes_{task}"], np.float32) for task in tasks},
                {task: np.asarray(arrays[f"offsets_{task}"], np.float64) for task in tasks},
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataCorruptionError(f"{source}: not a model of novelty ({error}); train the bundle again") from error


@dataclass(frozen=True)
class Whitened:
    """Means [C, F] under one covariance, whose inverse is W W^T of the whitening W [F, D]."""

    whitening: npt.NDArray[Any]
    means: npt.NDArray[Any]

    @property
    def precision(self) -> Float64:
        """[F, F], symmetric to the last bit."""
        whole = self.whitening @ self.whitening.T
        return np.asarray((whole + whole.T) / 2, np.float64)

    def linear_parts(self) -> tuple[Float64, Float64]:
        """(slopes [F, C], offsets [C]) of the squared distances to the means."""
        placed = self.means @ self.whitening  # [C, D]
        return -2 * (self.whitening @ placed.T), (placed**2).sum(axis=1)


def novelty_model(whole: Whitened, tasks: Mapping[str, Whitened]) -> NoveltyModel:
    """Of the overall mean under the whole covariance, and every task's class means under the one around them.

    Without a task, the distance to the overall mean.
    """
    with np.errstate(all="ignore"):  # as in the scores
        sign, count = (-1.0, len(tasks)) if tasks else (1.0, 1)
        square = sign * whole.precision
        slopes, offsets = whole.linear_parts()
        classes = {task: of.linear_parts() for task, of in tasks.items()}
        for of in tasks.values():
            square += of.precision / count
        return NoveltyModel(
            square.astype(np.float32),
            (sign * slopes[:, 0]).astype(np.float32),
            sign * float(offsets[0]),
            {task: (by_class / count).astype(np.float32) for task, (by_class, _) in classes.items()},
            {task: constants / count for task, (_, constants) in classes.items()},
        )


def to_unit_length(features: Float32) -> Float32:
    """[N, F] each scaled to Euclidean length 1."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)
