"""Which unlabelled photographs would teach a classifier most: those it is unsure of, and unlike one another.

As BADGE (Ash, Zhang, Krishnamurthy, Langford, Agarwal 2020, arXiv:1906.03671): each photograph stands for the gradient
that its likeliest labels would give the heads, long where the model is unsure, in the direction of its features; a
batch is drawn by k-means++, which takes long gradients in different directions. Over several tasks the heads' gradients
lie side by side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def ranked(probabilities: Mapping[str, Floats], features: Floats, count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """[K] rows in the order in which to label them; K is `count`, or fewer where no others would teach anything.

    `probabilities`: task -> [N, C]; `features`: [N, F] of the layer below the heads. Equal inputs give equal rows.
    """
    errors = _head_errors(probabilities)  # [N, sum of C]
    inputs = _unit_with_bias(features)  # [N, F + 1]
    length = (errors**2).sum(axis=1) * (inputs**2).sum(axis=1)  # squared, of each gradient
    rng = np.random.default_rng(seed)
    nearest = length.astype(np.float64).copy()  # squared distance to the nearest gradient taken; at first to none
    taken: list[int] = []
    while len(taken) < min(count, len(length)) and nearest.max(initial=0) > 1e-12:
        row = int(nearest.argmax()) if not taken else int(rng.choice(len(nearest), p=nearest / nearest.sum()))
        taken.append(row)
        together = (errors @ errors[row]) * (inputs @ inputs[row])  # of gradients, without making them
        nearest = np.minimum(nearest, np.maximum(length + length[row] - 2 * together, 0))
        nearest[taken] = 0
    return np.array(taken, np.int64)


def uncertainty(probabilities: Mapping[str, Floats]) -> Floats:
    """[N] mean over tasks of 1 less the probability of the likeliest class."""
    unsure = np.stack([1 - said.max(axis=1) for said in probabilities.values()])  # [T, N]
    return np.asarray(unsure.mean(axis=0), np.float32)


def _head_errors(probabilities: Mapping[str, Floats]) -> Floats:
    parts = []
    for said in probabilities.values():
        error = said.astype(np.float32).copy()
        error[np.arange(len(said)), said.argmax(axis=1)] -= 1
        parts.append(error)
    return np.concatenate(parts, axis=1)


def _unit_with_bias(features: Floats) -> Floats:
    norms = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return np.concatenate([features / norms, np.ones((len(features), 1), np.float32)], axis=1).astype(np.float32)
