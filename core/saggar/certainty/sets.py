"""Prediction sets by split conformal prediction: classes that hold the true one with a stated chance.

The chance is over new objects like those of calibration, and over the choice of the calibration objects. `marginal`
sets keep it on average over all objects, at the rare classes' expense; `prevalence` sets score a class by probability /
prevalence, the prevalence-adjusted softmax of Ding et al. (2025, arXiv:2507.06867), which gives rare classes their
share of coverage, for larger sets.

That probability is one that knows how common the classes are. A network that was taught to take classes for equally
common, or anything between, gives another: it is first turned into what it would be with the true prevalence, by
probability * prevalence / prior, scaled to sum 1 (Saerens et al. 2002, doi:10.1162/089976602753284446). Without that
the classes' commonness would be taken out twice, and common classes would pay with their coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["marginal", "prevalence"]
KINDS: tuple[Kind, ...] = ("marginal", "prevalence")
COVERAGES = (0.8, 0.9, 0.95)

Float64 = npt.NDArray[np.float64]


class SetRule(BaseModel):
    """When a class is in the set of one task: where its score is at most `threshold`; None: always."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    coverage: float = Field(gt=0, lt=1)  # that is aimed at
    threshold: float | None
    objects: int = Field(ge=1)  # of calibration
    coverage_sd: float  # standard deviation of the coverage that is reached, over choices of so many objects
    mean_size: float  # of the sets of the calibration photographs
    prevalence: tuple[float, ...] = ()  # per class among the real training photographs, for kind "prevalence"
    prior: tuple[float, ...] = ()  # per class, that the network's probabilities carry, for kind "prevalence"

    @model_validator(mode="after")
    def _has_a_prior_per_class(self) -> Self:
        if len(self.prior) != len(self.prevalence) or (self.kind == "prevalence") != bool(self.prior):
            raise ValueError(
                "prevalence and prior need a number per class in kind prevalence, and none in another; train a bundle "
                "without prior again"
            )
        return self


def set_scores(
    probabilities: npt.NDArray[Any], kind: Kind, prevalence: Sequence[float] = (), prior: Sequence[float] = ()
) -> Float64:
    """[N, C] scores, small for likely classes: -p, or -q / prevalence, where q is p with `prevalence` in place of the
    `prior` that it carries.
    """
    values = probabilities.astype(np.float64)
    if kind == "marginal":
        return -values
    ratios = values / np.asarray(prior, np.float64)
    return np.asarray(-ratios / (ratios @ np.asarray(prevalence, np.float64))[:, None])


def prediction_set(probabilities: npt.NDArray[Any], rule: SetRule) -> list[int]:
    """Class indices of the set of one photograph, likeliest first. probabilities [C]. The likeliest is always in it."""
    order = np.argsort(-probabilities, kind="stable").tolist()
    if rule.threshold is None:
        return [int(index) for index in order]
    scores = set_scores(probabilities[None], rule.kind, rule.prevalence, rule.prior)[0]
    return [int(index) for place, index in enumerate(order) if place == 0 or scores[index] <= rule.threshold]


def conformal_threshold(scores: Float64, weights: Float64, coverage: float) -> float | None:
    """The smallest score with a share `coverage` of n + 1 objects at or below it, None where n is too small.

    `scores` [N] of the true classes, `weights` [N] 1 / (photographs of the object): an object's photographs share its
    place. With one photograph an object this is the ceil((n + 1) * coverage)-th smallest score.
    """
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) / (weights.sum() + 1)
    enough = np.flatnonzero(reached >= coverage - 1e-12)
    return float(scores[order[enough[0]]]) if len(enough) else None


def coverage_spread(objects: int, coverage: float) -> float:
    """Standard deviation of the coverage that is reached: Beta(k, n + 1 - k) with k = ceil((n + 1) * coverage)."""
    k = math.ceil((objects + 1) * coverage - 1e-12)
    if k > objects:
        return 0.0  # every class is in every set
    return math.sqrt(k * (objects + 1 - k) / ((objects + 1) ** 2 * (objects + 2)))
