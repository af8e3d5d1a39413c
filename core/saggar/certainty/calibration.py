"""Temperatures, and how near probabilities come to frequencies. All counts are by object, not by photograph.

Several photographs of one object say one thing several times: each has weight 1 / (photographs of its object).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

BINS = 10  # of the reliability diagram, with equally many objects each

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


class ReliabilityBin(BaseModel):
    """Answers of about one confidence, and how many of them are right."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confidence: float = Field(ge=0, le=1)
    accuracy: float = Field(ge=0, le=1)
    share: float = Field(ge=0, le=1)  # of all objects


class Calibration(BaseModel):
    """Of one task: how logits become probabilities, and how well these fit. `before` is softmax(logits)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(gt=0)
    photographs: int = Field(ge=1)
    objects: int = Field(ge=1)
    expected_error: float  # ECE: mean distance of confidence and accuracy over the bins
    expected_error_before: float
    brier: float  # mean squared distance of the probabilities from the truth, 0 to 2
    brier_before: float
    reliability: tuple[ReliabilityBin, ...]

    def probabilities(self, logits: npt.NDArray[Any]) -> Float32:
        """Calibrated probabilities of logits [..., C]."""
        return tempered(logits, self.temperature, self.objects)


def softmax(logits: npt.NDArray[Any]) -> Float32:
    """Probabilities along the last axis; computed in float64 with the maximum subtracted."""
    return _softmax(logits).astype(np.float32)


def tempered(logits: npt.NDArray[Any], temperature: float, objects: int) -> Float32:
    """Probabilities along the last axis: softmax(logits / temperature), with one more object of unknown class counted
    to the `objects` that the temperature was measured on.

    So none comes nearer to 1 than 1 - (1 - 1 / C) / (objects + 1): a hundred right answers do not show that one in a
    million is wrong (Laplace's rule of succession).
    """
    values = _softmax(logits / temperature)
    return np.asarray((objects * values + 1 / values.shape[-1]) / (objects + 1), dtype=np.float32)


def _softmax(logits: npt.NDArray[Any]) -> Float64:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)


def object_weights(object_ids: Sequence[str]) -> Float64:
    """[N] 1 / (photographs of the object), so that every object has weight 1."""
    number = np.unique(np.asarray(object_ids, dtype=str), return_inverse=True)[1]
    return np.asarray(1.0 / np.bincount(number)[number], dtype=np.float64)


def reliability(
    probabilities: npt.NDArray[Any], truth: npt.NDArray[np.integer[Any]], weights: Float64, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Bins of equal weight by the confidence of the top answer. probabilities [N, C], truth [N], weights [N]."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    place = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    which = np.minimum((place * bins).astype(int), bins - 1)
    found = []
    for number in np.unique(which):
        rows = order[which == number]
        total = weights[rows].sum()
        found.append(
            ReliabilityBin(
                confidence=float(np.average(confidence[rows], weights=weights[rows])),
                accuracy=float(np.average(right[rows], weights=weights[rows])),
                share=float(total / weights.sum()),
            )
        )
    return tuple(found)


def expected_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: the bins' distances of confidence and accuracy, by their shares."""
    return sum(one.share * abs(one.confidence - one.accuracy) for one in bins)


def brier(probabilities: npt.NDArray[Any], truth: npt.NDArray[np.integer[Any]], weights: Float64) -> float:
    """Mean over objects of sum over classes of (probability - truth)^2 (Brier 1950)."""
    target = np.eye(probabilities.shape[1])[truth]
    return float(np.average(((probabilities - target) ** 2).sum(axis=1), weights=weights))
