"""Whether a photograph is like those that the network has learnt from, by its pooled features.

Mahalanobis++ (Mueller and Hein 2025, arXiv:2505.18032): features are scaled to length 1, then the distance to the
nearest class mean under one covariance that all classes share, less the distance to the overall mean (the relative
form, Ren et al. 2021, arXiv:2106.09022). Above `threshold` an image is called "not like the training photographs".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
        with np.errstate(all="ignore"):  # numbers that make no sense show in the scores
            form = self._form
            total = np.einsum("nf,nf->n", unit @ form.square, unit, dtype=np.float64)
            total += unit @ form.linear + form.constant
            for slopes, offsets in form.classes:
                total += (unit @ slopes + offsets).min(axis=1)
        return np.asarray(total, dtype=np.float64)

    @cached_property
    def _form(self) -> _Form:
        """Distances are quadratic in the features, and their quadratic part is the same for all classes of a task: one
        matrix in place of one a task and another, a fifth of the numbers to read for every photograph.
        """
        tasks, sign = len(self.within), -1.0 if self.within else 1.0
        square = sign * (self.overall @ self.overall.T)
        for whitening in self.within.values():
            square += whitening @ whitening.T / tasks
        return _Form(
            square.astype(np.float32),
            (-2 * sign * (self.overall @ self.centre)).astype(np.float32),
            sign * float((self.centre.astype(np.float64) ** 2).sum()),
            tuple(
                (
                    (-2 / tasks * (self.within[task] @ means.T)).astype(np.float32),
                    (means.astype(np.float64) ** 2).sum(axis=1) / tasks,
                )
                for task, means in self.means.items()
            ),
        )

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


@dataclass(frozen=True)
class _Form:
    """x square x + linear x + constant + the least of slopes x + offsets, of every task's classes."""

    square: Float32  # [F, F]
    linear: Float32  # [F]
    constant: float
    classes: tuple[tuple[Float32, npt.NDArray[np.float64]], ...]  # [F, C], [C]


def to_unit_length(features: Float32) -> Float32:
    """[N, F] each scaled to Euclidean length 1."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)
