"""Class weights, sampler weights and measures of imbalance (paper, section 3.2.1 and Table 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.errors import InvalidInputError

BETA = 0.999  # paper, section 3.2.1
CAP = 10.0


def effective_number_weights(
    counts: Sequence[float] | npt.NDArray[np.integer[Any]] | npt.NDArray[np.floating[Any]],
    beta: float = BETA,
    cap: float = CAP,
) -> npt.NDArray[np.float64]:
    """[C] loss weights (1 - beta) / (1 - beta^n), scaled so that they sum to the number of classes present.

    A class without samples has weight 0. Weights are cut off at `cap` after scaling, so where the cap bites
    the sum is smaller. `beta` 0 gives equal weights; towards 1 it approaches 1/n. Cui et al., Class-Balanced
    Loss Based on Effective Number of Samples, CVPR 2019, doi:10.1109/CVPR.2019.00949.
    """
    n = np.asarray(counts, dtype=np.float64)
    if n.ndim != 1 or (n < 0).any():
        raise InvalidInputError("counts must be one number per class, 0 or more")
    if not 0 <= beta < 1 or not cap > 0:
        raise InvalidInputError(f"beta is {beta} and cap is {cap}; it must be: 0 <= beta < 1 and cap > 0")
    present = n > 0
    weights = np.zeros_like(n)
    if not present.any():
        return weights
    # 1 - beta^n, without losing digits where beta^n is close to 1
    effective = -np.expm1(n[present] * np.log(beta)) if beta > 0 else np.ones(int(present.sum()))
    inverse = (1 - beta) / effective
    weights[present] = np.minimum(inverse * (present.sum() / inverse.sum()), cap)
    return weights


def taught_class_weights(
    taught: npt.NDArray[np.float64],
    photographs: npt.NDArray[np.float64],
    beta: float = BETA,
    cap: float = CAP,
) -> npt.NDArray[np.float64]:
    """[C] effective-number weights of the classes that are taught, with mean 1 over those with photographs.

    `taught` [C] is the sum of the weights of a class's taught rows, `photographs` [C] the part of it that is not
    synthetic. A class of synthetic images only never weighs more than the mean, however few its images are:
    otherwise the classes that nobody has seen would lead the loss. Without such classes this is
    `effective_number_weights(taught)`.
    """
    taught, photographs = np.asarray(taught, np.float64), np.asarray(photographs, np.float64)
    made_only = (taught > 0) & (photographs <= 0)
    if not made_only.any() or made_only.sum() == (taught > 0).sum():
        return effective_number_weights(taught, beta, cap)
    weights = effective_number_weights(np.where(made_only, 0, taught), beta, cap)
    seen = np.flatnonzero(~made_only & (taught > 0))
    # A class's own weight by the same scale, from one class whose weight the cap did not cut.
    anchor = seen[np.argmax(taught[seen])]
    for c in np.flatnonzero(made_only):
        pair = effective_number_weights(taught[[anchor, c]], beta, np.inf)
        weights[c] = min(1.0, float(weights[anchor] * pair[1] / pair[0]))
    return weights


def sampler_weights(
    labels: Sequence[Any] | npt.NDArray[Any] | pd.Series[Any],
    counted: npt.NDArray[np.bool_] | None = None,
    *,
    power: float = 0.5,
    taught: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """[N] chances, with mean 1, of drawing each row: 1 / n^power for n rows of the same label.

    `labels` are codes, combinations, or class indices; None, NaN and negative numbers are unknown. `power` 0.5 is
    the paper's, 1 draws every label equally often, 0 every row. `taught` [N] is the weight of each row in the
    loss (1 where it is left out): n is the sum of a label's weights. Rows that teach nothing, unknown or of weight
    0, keep their natural share of the draws, so they can neither dilute nor inflate a label.

    `counted` [N] says which rows decide how often a label is drawn: real photographs alone, for instance. The
    label is then drawn as often as those rows would be without the others, and all its rows share in that. A
    label of which no row counts is drawn at most as often as the least drawn of the others.
    """
    codes = _factorised(labels)
    n = len(codes)
    weights = np.ones(n) if taught is None else np.asarray(taught, dtype=np.float64)
    mask = np.ones(n, dtype=np.bool_) if counted is None else np.asarray(counted, dtype=np.bool_)
    for name, values in (("counted", mask), ("taught", weights)):
        if len(values) != n:
            raise InvalidInputError(f"{name} has {len(values)} rows and labels has {n}; they must be equal")
    if not 0 <= power <= 1 or not (weights >= 0).all():
        raise InvalidInputError(f"power is {power}; it must be 0 to 1, and no row's weight below 0")
    teaches = (codes >= 0) & (weights > 0)
    chances = np.ones(n, dtype=np.float64)
    if not teaches.any():
        return chances
    size = int(codes.max()) + 1
    total = np.bincount(codes[teaches], weights[teaches], size)
    deciding = np.bincount(codes[teaches & mask], weights[teaches & mask], size)
    if (deciding > 0).any():
        least = deciding[deciding > 0].min()
        deciding = np.where(deciding > 0, deciding, np.minimum(total, least))
    else:
        deciding = total
    drawn = deciding[codes[teaches]] ** (1 - power) / total[codes[teaches]]
    chances[teaches] = drawn / drawn.mean()
    return chances


def imbalance(counts: Sequence[int] | npt.NDArray[np.integer[Any]]) -> dict[str, float]:
    """Over classes that have samples: classes, min, max, mean, sd, ratio, variation, gini, entropy.

    sd is of the population; variation is sd / mean; entropy is divided by ln(classes), so 1 is even. Raises
    InvalidInputError when no class has a sample.
    """
    values = _present(counts)
    n, total = len(values), values.sum()
    shares = values / total
    gini = (2 * np.arange(1, n + 1) - n - 1) @ values / (n * total)
    entropy = -(shares * np.log(shares)).sum() / np.log(n) if n > 1 else 1.0
    return {
        "classes": float(n),
        "min": float(values[0]),
        "max": float(values[-1]),
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "ratio": float(values[-1] / values[0]),
        "variation": float(values.std() / values.mean()),
        "gini": float(gini),
        "entropy": float(entropy),
    }


def lorenz(counts: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
    """[n + 1, 2] the Lorenz curve from (0, 0) to (1, 1): share of classes, rarest first, and of samples."""
    values = _present(counts)
    samples = np.concatenate([[0.0], np.cumsum(values) / values.sum()])
    return np.stack([np.linspace(0, 1, len(values) + 1), samples], axis=1)


def _present(counts: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
    values = np.asarray(counts, dtype=np.float64)
    values = np.sort(values[values > 0])
    if not len(values):
        raise InvalidInputError("no class has a sample, so there is no balance to measure")
    return values


def _factorised(labels: Sequence[Any] | npt.NDArray[Any] | pd.Series[Any]) -> npt.NDArray[np.int64]:
    """[N] a number per distinct label, -1 for unknown."""
    if isinstance(labels, np.ndarray) and np.issubdtype(labels.dtype, np.integer):
        codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        return np.where(labels < 0, -1, codes)
    values = np.empty(len(labels), dtype=object)
    values[:] = list(labels)
    codes = np.asarray(pd.factorize(values)[0], dtype=np.int64)
    negative = np.fromiter((isinstance(v, int | np.integer) and v < 0 for v in values), np.bool_, len(values))
    return np.where(negative, -1, codes)
