"""How far two sets cover each other: precision, recall, density, coverage.

Precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991. Density and coverage: Naeem et al. 2020,
arXiv:2002.09797, whose definitions (and strict inequalities) are followed for all four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 5  # Naeem et al.'s choice
_BLOCK = 512

Features = npt.NDArray[Any]  # [N, F]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Manifolds:
    """NaN where a side has too few images."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(first: Features, second: Features, neighbours: int = NEIGHBOURS) -> Manifolds:
    """Of the first (synthetic) features [M, F] in the second (real) [N, F], more than `neighbours` each.

    An image's ball reaches to its k-th nearest neighbour of the same set. Precision: share of synthetic
    images in a real one's ball. Density: how many such balls, over k. Recall: share of real images in a
    synthetic one's ball. Coverage: share of real images whose ball holds a synthetic one.
    """
    if min(len(first), len(second)) <= neighbours:
        nothing = float("nan")
        return Manifolds(nothing, nothing, nothing, nothing)
    x, y = first.astype(np.float64), second.astype(np.float64)
    reach_x, reach_y = _reach(x, neighbours), _reach(y, neighbours)
    in_balls = np.zeros(len(x))  # how many real balls each synthetic image is in
    recalled = covered = 0
    for start in range(0, len(y), _BLOCK):
        rows = slice(start, start + _BLOCK)
        apart = _distances(y[rows], x)  # [B, M]
        within = apart < reach_y[rows, None]
        in_balls += within.sum(axis=0)
        covered += int((apart.min(axis=1) < reach_y[rows]).sum())
        recalled += int((apart < reach_x[None]).any(axis=1).sum())
    return Manifolds(
        precision=float((in_balls > 0).mean()),
        recall=recalled / len(y),
        density=float(in_balls.mean() / neighbours),
        coverage=covered / len(y),
    )


def _reach(rows: Float64, neighbours: int) -> Float64:
    """[N] distance to the k-th nearest other row."""
    parts = []
    for start in range(0, len(rows), _BLOCK):
        apart = _distances(rows[start : start + _BLOCK], rows)
        parts.append(np.partition(apart, neighbours, axis=1)[:, neighbours])
    return np.concatenate(parts)


def _distances(first: Float64, second: Float64) -> Float64:
    from scipy.spatial.distance import cdist  # type: ignore[import-untyped]

    apart: Float64 = cdist(first, second)
    return apart
