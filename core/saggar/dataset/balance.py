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
    counts: Sequence[int] | npt.NDArray[np.integer[Any]], beta: float = BETA, cap: float = CAP
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
        raise InvalidInputError(f"beta is {beta} and cap is {cap}; wanted: 0 <= beta < 1 and cap > 0")
    present = n > 0
    weights = np.zeros_like(n)
    if not present.any():
        return weights
    # 1 - beta^n, without losing digits where beta^n is close to 1
    effective = -np.expm1(n[present] * np.log(beta)) if beta > 0 else np.ones(int(present.sum()))
    inverse = (1 - beta) / effective
    weights[present] = np.minimum(inverse * (present.sum() / inverse.sum()), cap)
    return weights


def sampler_weights(
    labels: Sequence[Any] | npt.NDArray[Any] | pd.Series[Any], counted: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float64]:
    """[N] chances, with mean 1, of drawing each row: 1 / sqrt(n) for n rows of the same label.

    `labels` are codes, combinations, or class indices; None, NaN and negative numbers are unknown. Unknown
    rows get weight 1, so that they keep their natural share. `counted` [N] says which rows count towards n:
    real photographs alone, for instance; a label of which no row counts has n = 1.
    """
    codes = _factorised(labels)
    known = codes >= 0
    mask = np.ones(len(codes), dtype=np.bool_) if counted is None else np.asarray(counted, dtype=np.bool_)
    if len(mask) != len(codes):
        raise InvalidInputError(f"counted has {len(mask)} rows and labels has {len(codes)}; wanted: equal")
    weights = np.ones(len(codes), dtype=np.float64)
    if not known.any():
        return weights
    sizes = np.maximum(1, np.bincount(codes[known & mask], minlength=int(codes.max()) + 1))
    drawn = 1 / np.sqrt(sizes[codes[known]])
    weights[known] = drawn / drawn.mean()
    return weights


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
