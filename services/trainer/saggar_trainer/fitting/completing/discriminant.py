"""Heads for a few hundred photographs: linear discriminants with a shrunk covariance, all classes alike.

With fewer photographs than features, a covariance is shrunk towards its mean variance (Friedman 1989,
doi:10.1080/01621459.1989.10478752). A mean of n photographs lies further out than the true one, by the trace of its
own covariance over n, and so costs rare classes their answers; half of that is added back to each bias. All in closed
form: the same features give the same heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from saggar.bundle import softmax
from saggar.certainty.calibration import object_weights
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from torch import Tensor

from saggar_trainer.data.rows import Indices

FOLDS = 5  # by object: heads that have not seen a photograph say how sure the others may be of it
NEVER = -20.0  # logit of a class without photographs; the others' mean is 0
LARGEST_SCALE = 1e4  # by which raw logits may be too large, or too small
SMALLEST_DEVIATION = 1e-6

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Photographs:
    """Features of N photographs, each in V views of which the first is the photograph as it is."""

    features: Tensor  # [V, N, F]
    labels: Indices  # [N], all known
    weights: npt.NDArray[np.float64]  # [N], above 0
    object_ids: Sequence[str]
    real: npt.NDArray[np.bool_] | None = None  # [N] False: a synthetic image, by which no probability is measured

    def take(self, rows: npt.NDArray[np.bool_]) -> Photographs:
        kept = np.flatnonzero(rows)
        names = [self.object_ids[row] for row in kept.tolist()]
        real = None if self.real is None else self.real[rows]
        return Photographs(self.features[:, torch.from_numpy(kept)], self.labels[rows], self.weights[rows], names, real)


@dataclass(frozen=True)
class Discriminant:
    """A head, and the logits [N, C] that heads fitted without a photograph's object give for each photograph."""

    weight: Tensor  # [C, F]
    bias: Tensor  # [C]
    unseen: Float32


def fitted(photographs: Photographs, classes: int, shrinkage: float) -> Discriminant:
    """The head of one task, its logits scaled so that `unseen` has the least Brier score, see `_scale`."""
    unseen = np.zeros((len(photographs.labels), classes))
    places = folds(photographs.labels, photographs.object_ids)
    for fold in np.unique(places):
        held_out = places == fold
        if held_out.all():  # one object: nothing else to learn from
            continue
        weight, bias = discriminant(photographs.take(~held_out), classes, shrinkage)
        unseen[held_out] = (photographs.features[0, torch.from_numpy(held_out)].double() @ weight.T + bias).numpy()
    weight, bias = discriminant(photographs, classes, shrinkage)
    taught = np.bincount(photographs.labels, minlength=classes) > 0
    scale = _scale(unseen[:, taught], np.unique(photographs.labels, return_inverse=True)[1], photographs)
    unseen = np.where(np.isfinite(unseen), unseen / scale, NEVER)
    bias = torch.where(torch.from_numpy(taught), bias / scale, NEVER)
    return Discriminant((weight / scale).float(), bias.float(), unseen.astype(np.float32))


def discriminant(photographs: Photographs, classes: int, shrinkage: float) -> tuple[Tensor, Tensor]:
    """Weight [C, F] and bias [C], float64, unscaled; a class without photographs has weight 0 and bias -inf."""
    views, count, width = photographs.features.shape
    features = photographs.features.reshape(views * count, width).double()
    labels = torch.from_numpy(photographs.labels).repeat(views)
    weights = torch.from_numpy(photographs.weights).repeat(views) / views  # of a photograph's views together: its own
    mean, deviation = features.mean(0), features.std(0, correction=0).clamp(min=SMALLEST_DEVIATION)
    inputs = (features - mean) / deviation
    basis = torch.linalg.qr(inputs.T).Q if len(inputs) < width else torch.eye(width, dtype=torch.float64)
    inputs = inputs @ basis  # [V * N, K]: all that rows fewer than features span; the rest is 0 in every mean
    rows = torch.zeros(classes, dtype=torch.float64).index_add_(0, labels, weights)  # [C] photographs
    taught = rows > 0
    sums = torch.zeros(classes, len(basis.T), dtype=torch.float64).index_add_(0, labels, inputs * weights[:, None])
    means = sums / rows.clamp(min=1e-12)[:, None]  # [C, K]
    residuals = (inputs - means[labels]) * weights.sqrt()[:, None]
    covariance = residuals.T @ residuals / (rows.sum() - taught.sum()).clamp(min=1)
    level = float((covariance.diagonal().sum() / width).clamp(min=SMALLEST_DEVIATION))
    shrunk = (1 - shrinkage) * covariance + shrinkage * level * torch.eye(len(covariance), dtype=torch.float64)
    factor = torch.linalg.cholesky(shrunk)
    slopes = torch.cholesky_solve(means.T, factor).T  # [C, K]
    spread = float(torch.cholesky_solve(covariance, factor).diagonal().sum())  # features that count, so to say
    bias = (spread / rows.clamp(min=1e-12) - (slopes * means).sum(1)) / 2
    weight = slopes @ basis.T / deviation
    bias = bias - weight @ mean
    weight, bias = weight - weight[taught].mean(0), bias - bias[taught].mean()  # logits have the mean 0
    return torch.where(taught[:, None], weight, 0.0), torch.where(taught, bias, -torch.inf)


def folds(labels: Indices, object_ids: Sequence[str]) -> Indices:
    """[N] which of FOLDS each photograph is in: the objects of each class are dealt out in turn, as they come."""
    names, first, of_row = np.unique(np.asarray(object_ids), return_index=True, return_inverse=True)
    order = np.lexsort((first, labels[first]))
    places = np.empty(len(names), dtype=np.int64)
    places[order] = np.arange(len(names)) % FOLDS
    return np.asarray(places[of_row], dtype=np.int64)


def _scale(unseen: npt.NDArray[np.float64], truth: Indices, photographs: Photographs) -> float:
    """What the logits [N, classes with photographs] are to be divided by; `truth` [N] numbers these classes."""
    weights = object_weights(photographs.object_ids)
    if photographs.real is not None and photographs.real.any():
        weights = weights * photographs.real

    # The rule of succession: however easily classes are told apart, n photographs allow no more than this.
    count, classes = float(weights.sum()), unseen.shape[1]
    target = (np.eye(classes)[truth] * count + 1) / (count + classes)

    def loss(log_scale: float) -> float:
        probabilities = softmax((unseen / np.exp(log_scale)).astype(np.float32))
        return float(np.average(((probabilities - target) ** 2).sum(axis=1), weights=weights))

    grid = np.linspace(-np.log(LARGEST_SCALE), np.log(LARGEST_SCALE), 40)
    best = int(np.argmin([loss(value) for value in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found: Any = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))
