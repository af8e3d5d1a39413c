"""Fits what a bundle says of its own certainty, on the validation split: temperatures, prediction sets, novelty.

The validation split has also chosen the epoch, so these are a little hopeful where it is small; every number carries
its count of objects. The test split is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from saggar.certainty.calibration import (
    Calibration,
    brier,
    expected_error,
    object_weights,
    reliability,
    softmax,
    tempered,
)
from saggar.certainty.novelty import Float32, NoveltyModel, NoveltyRule, Whitened, novelty_model, to_unit_length
from saggar.certainty.sets import COVERAGES, KINDS, SetRule, conformal_threshold, coverage_spread, set_scores
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

from saggar_trainer.data.rows import UNKNOWN, Indices

HOTTEST = 20.0  # bounds of a temperature: 1 / 20 to 20
FALSE_ALARMS = 0.05
SHRINKAGE = 0.1  # share of a covariance that is replaced by its mean variance
FEWEST_FOR_A_MEAN = 2  # rows of a class that is to have a mean of its own

Float64 = npt.NDArray[np.float64]


def calibrate(logits: Float32, truth: Indices, object_ids: Sequence[str]) -> Calibration | None:
    """Temperature of one task (Guo et al. 2017, arXiv:1706.04599) by least Brier score, and its fit.

    By Brier score, not by likelihood: on a network that is wildly wrong on a few photographs, likelihood raises the
    temperature for these few until all other answers are too timid (`bench/classifiers/certainty.py`).
    logits [N, C], truth [N] (UNKNOWN left out). None without a known label.
    """
    known = truth != UNKNOWN
    if not known.any():
        return None
    logits, truth = logits[known], truth[known]
    ids = [name for name, keep in zip(object_ids, known, strict=True) if keep]
    weights, objects = object_weights(ids), len(set(ids))

    def loss(log_temperature: float) -> float:
        return brier(tempered(logits, float(np.exp(log_temperature)), objects), truth, weights)

    grid = np.linspace(-np.log(HOTTEST), np.log(HOTTEST), 25)
    best = int(np.argmin([loss(value) for value in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    temperature = float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
    before, after = softmax(logits), tempered(logits, temperature, objects)
    bins = reliability(after, truth, weights)
    return Calibration(
        temperature=temperature,
        photographs=len(truth),
        objects=objects,
        expected_error=expected_error(bins),
        expected_error_before=expected_error(reliability(before, truth, weights)),
        brier=brier(after, truth, weights),
        brier_before=brier(before, truth, weights),
        reliability=bins,
    )


def set_rules(
    probabilities: Float32,
    truth: Indices,
    object_ids: Sequence[str],
    prevalence: Sequence[float],
    prior: Sequence[float],
) -> tuple[SetRule, ...]:
    """Rules of one task for all kinds and coverages; probabilities [N, C] are calibrated. Empty without labels.

    `prevalence` [C] is how common the classes are, `prior` [C] how common the network takes them to be.
    """
    known = truth != UNKNOWN
    if not known.any():
        return ()
    probabilities, truth = probabilities[known], truth[known]
    ids = [name for name, keep in zip(object_ids, known, strict=True) if keep]
    weights, objects = object_weights(ids), len(set(ids))
    rules = []
    for kind in KINDS:
        scores = set_scores(probabilities, kind, prevalence, prior)  # [N, C]
        for coverage in COVERAGES:
            threshold = conformal_threshold(scores[np.arange(len(truth)), truth], weights, coverage)
            inside = np.ones(scores.shape, bool) if threshold is None else scores <= threshold
            inside[np.arange(len(truth)), probabilities.argmax(axis=1)] = True
            rules.append(
                SetRule(
                    kind=kind,
                    coverage=coverage,
                    threshold=threshold,
                    objects=objects,
                    coverage_sd=coverage_spread(objects, coverage),
                    mean_size=float(np.average(inside.sum(axis=1), weights=weights)),
                    prevalence=tuple(prevalence) if kind == "prevalence" else (),
                    prior=tuple(prior) if kind == "prevalence" else (),
                )
            )
    return tuple(rules)


def prevalence_of(counts: Float64) -> tuple[float, ...]:
    """[C] shares of the classes, with half a row added to each so that none is 0."""
    smoothed = np.asarray(counts, np.float64) + 0.5
    return tuple((smoothed / smoothed.sum()).tolist())


def fit_novelty(features: Float32, labels: Mapping[str, Indices]) -> NoveltyModel:
    """Of real training photographs: features [N, F], labels by task [N]."""
    unit = to_unit_length(features).astype(np.float64)
    mean = unit.mean(axis=0)
    tasks = {}
    for task, classes in labels.items():
        counts = np.bincount(np.maximum(classes, 0), classes != UNKNOWN)
        own = [index for index, count in enumerate(counts) if count >= FEWEST_FOR_A_MEAN]
        if not own:
            continue
        centres = np.stack([unit[classes == index].mean(axis=0) for index in own])  # [C, F]
        rows = np.isin(classes, own)
        residuals = unit[rows] - centres[np.searchsorted(own, classes[rows])]
        tasks[task] = Whitened(_whitening(residuals), centres)
    return novelty_model(Whitened(_whitening(unit - mean), mean[None]), tasks)


def novelty_rule(model: NoveltyModel, features: Float32, object_ids: Sequence[str]) -> NoveltyRule:
    """The threshold above which at most a share FALSE_ALARMS of new objects lies, by validation features [N, F].

    Below 19 objects none keeps that promise: the threshold is then the largest score, which a share 1 / (objects + 1)
    of new objects exceeds (the rank of one of n + 1 exchangeable objects), and `false_alarms` says so.
    """
    scores, objects = model.scores(features), len(set(object_ids))
    threshold = conformal_threshold(scores, object_weights(object_ids), 1 - FALSE_ALARMS)
    return NoveltyRule(
        threshold=float(scores.max()) if threshold is None else threshold,
        false_alarms=max(FALSE_ALARMS, 1 / (objects + 1)),
        objects=objects,
    )


def _whitening(residuals: Float64) -> Float64:
    """[F, F] W with W W^T the inverse of the shrunk covariance of residuals [N, F] around 0."""
    covariance = residuals.T @ residuals / max(len(residuals), 1)
    size = len(covariance)
    level = max(float(np.trace(covariance)) / size, 1e-12)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(size)
    values, vectors = np.linalg.eigh(shrunk)
    return np.asarray(vectors / np.sqrt(values), dtype=np.float64)
