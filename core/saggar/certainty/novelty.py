"""Whether a photograph is like those that the network has learnt from, by its pooled features.

Mahalanobis++ (Mueller and Hein 2025, arXiv:2505.18032): features are scaled to length 1, then the distance to the
nearest class mean under one covariance that all classes share, less the distance to the overall mean (the relative
form, Ren et al. 2021, arXiv:2106.09022). Above `threshold` an image is called "not like the training photographs".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from saggar.errors import DataCorruptionError
from saggar.files.npz import npz_bytes, read_npz

Float32 = npt.NDArray[np.float32]


class NoveltyRule(BaseModel):
    """What the threshold promises."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float
    false_alarms: float = Field(gt=0, lt=1)  # share of calibration objects above the threshold
    objects: int = Field(ge=1)


@dataclass(frozen=True)
class NoveltyModel:
    """Distances in a whitened space, for every task's classes."""

    within: dict[str, Float32]  # task -> [F, D] whitening by the covariance around the class means
    means: dict[str, Float32]  # task -> [C, D] whitened class means
    overall: Float32  # [F, D] whitening by the whole covariance
    centre: Float32  # [D]

    def scores(self, features: Float32) -> npt.NDArray[np.float64]:
        """[N] mean over tasks of (squared distance to the nearest class - to the overall mean); features [N, F].

        Where no class was known, the squared distance to the overall mean.
        """
        unit = to_unit_length(features)
        everywhere = ((unit @ self.overall - self.centre) ** 2).sum(axis=1)
        if not self.within:
            return np.asarray(everywhere, dtype=np.float64)
        nearest = [_nearest(unit @ self.within[task], self.means[task]) for task in self.within]
        return np.asarray(np.mean(nearest, axis=0) - everywhere, dtype=np.float64)

    def to_bytes(self) -> bytes:
        """As .npz, the same bytes for the same arrays."""
        arrays = {"overall": self.overall, "centre": self.centre}
        for task in self.within:
            arrays |= {f"within_{task}": self.within[task], f"means_{task}": self.means[task]}
        return npz_bytes(arrays)

    @staticmethod
    def from_bytes(data: bytes, source: str) -> NoveltyModel:
        """What `to_bytes` wrote; raises DataCorruptionError when it is anything else."""
        try:
            arrays = {name: np.asarray(values, np.float32) for name, values in read_npz(data).items()}
            tasks = [name.removeprefix("within_") for name in arrays if name.startswith("within_")]
            return NoveltyModel(
                {task: arrays[f"within_{task}"] for task in tasks},
                {task: arrays[f"means_{task}"] for task in tasks},
                arrays["overall"],
                arrays["centre"],
            )
        except (KeyError, ValueError) as error:
            raise DataCorruptionError(f"{source}: not a model of novelty ({error}); train the bundle again") from error


def to_unit_length(features: Float32) -> Float32:
    """[N, F] each scaled to Euclidean length 1."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)


def _nearest(points: Float32, means: Float32) -> npt.NDArray[np.float64]:
    """[N] squared distance of each of points [N, D] to the nearest of means [C, D]."""
    distances = ((points[:, None, :] - means[None]) ** 2).sum(axis=2)  # [N, C]
    return np.asarray(distances.min(axis=1), dtype=np.float64)
