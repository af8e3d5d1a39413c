"""Distances between two sets of images: features to statistics, statistics to metric.

FID: Heusel et al. 2017, arXiv:1706.08500; its arithmetic is torch-fidelity's. FID-infinity: Chong and Forsyth
2020, arXiv:1911.07023. KID: Bińkowski et al. 2018, arXiv:1801.01401, unbiased, with torch-fidelity's kernel.
Photographs of one object are no independent draws: KID pairs rows of different objects, and its interval resamples
objects. All depend on the feature extractor, and FID on the number of images: `compare` puts them beside the values.
Precision, recall, density and coverage: `saggar_qc.measures.manifold`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.errors import InvalidInputError

from saggar_qc.measures.featureset import FeatureSet, Float64, Moments
from saggar_qc.measures.manifold import manifolds
from saggar_qc.objects import Objects

ENOUGH = 2_048  # images a side; below, FID's bias outweighs most differences
LEAST_FOR_INFINITY = 100  # images of the first set; fewer give no line to extend
_INFINITY_POINTS = 10
_BLOCK = 1_024  # rows of a kernel matrix that are in memory at once
_NAN = float("nan")

Features = npt.NDArray[Any]  # [N, F]


@dataclass(frozen=True)
class SetMeasures:
    """Two sets compared, the first one synthetic where one is; `kid_low` to `kid_high` is a 95 % bootstrap
    interval over objects. NaN: too few images or objects.
    """

    extractor: str
    preparation: str
    libraries: str
    first_count: int
    second_count: int
    feature_dimensions: int
    fid: float
    fid_infinity: float
    kid: float
    kid_low: float
    kid_high: float
    precision: float
    recall: float
    density: float
    coverage: float
    warnings: tuple[str, ...]
    resize: str = ""  # how images were brought to the network's size: `fidelity`, `clean`, or `bundle`, its own way


@dataclass(frozen=True)
class CombinationMeasures:
    """One combination's images, against the real ones of the same combination. NaN: too few on a side."""

    combination: str
    first_count: int
    second_count: int
    fid: float
    kid: float
    kid_low: float
    kid_high: float
    precision: float
    recall: float
    density: float
    coverage: float


def compare(
    first: FeatureSet,
    second: FeatureSet,
    extractor: str,
    resamples: int = 200,
    *,
    seed: int = 0,
    preparation: str = "",
    resize: str = "",
    libraries: str = "",
) -> SetMeasures:
    """FID of all images; the rest of at most `featureset.SAMPLE_SIZE` images a side.

    `preparation`, `resize` and `libraries` are put beside the values. Raises InvalidInputError when a side has fewer
    than 2 images or the dimensions differ.
    """
    if min(first.count, second.count) < 2:
        raise InvalidInputError(
            f"sets of {first.count} and {second.count} images; each needs at least 2 to be measured"
        )
    if first.dimensions != second.dimensions:
        raise InvalidInputError(
            f"features of {first.dimensions} and {second.dimensions} dimensions; use one extractor for both"
        )
    one, two = first.sample(), second.sample()
    objects = first.objects(), second.objects()
    low, high = kernel_interval(one, two, resamples, seed, objects=objects)
    spread = manifolds(one, two)
    return SetMeasures(
        extractor=extractor,
        preparation=preparation,
        resize=resize,
        libraries=libraries,
        first_count=first.count,
        second_count=second.count,
        feature_dimensions=first.dimensions,
        fid=frechet_distance(first.moments(), second.moments()),
        fid_infinity=frechet_distance_at_infinity(one, two, seed),
        kid=kernel_distance(one, two, objects),
        kid_low=low,
        kid_high=high,
        precision=spread.precision,
        recall=spread.recall,
        density=spread.density,
        coverage=spread.coverage,
        warnings=cautions(first.count, second.count, first.dimensions, min(len(one), len(two))),
    )


def compare_combinations(
    first: FeatureSet, second: FeatureSet, resamples: int = 200, seed: int = 0
) -> tuple[CombinationMeasures, ...]:
    """Each tag of the first set on its own, of the images in both samples."""
    one, two = first.sample(), second.sample()
    ours, theirs = first.tags(), second.tags()
    our_objects, their_objects = first.objects(), second.objects()
    found = []
    for tag in sorted(set(ours)):
        x, y = one[ours == tag], two[theirs == tag]
        objects = our_objects[ours == tag], their_objects[theirs == tag]
        enough = min(len(x), len(y)) >= 2
        low, high = kernel_interval(x, y, resamples, seed, objects=objects) if enough else (_NAN, _NAN)
        spread = manifolds(x, y)
        found.append(
            CombinationMeasures(
                combination=str(tag),
                first_count=len(x),
                second_count=len(y),
                fid=frechet_distance_of_rows(x, y) if enough else _NAN,
                kid=kernel_distance(x, y, objects) if enough else _NAN,
                kid_low=low,
                kid_high=high,
                precision=spread.precision,
                recall=spread.recall,
                density=spread.density,
                coverage=spread.coverage,
            )
        )
    return tuple(found)


def frechet_distance(first: Moments, second: Moments) -> float:
    """Squared Fréchet distance between two Gaussians; 0 for equal ones, up to rounding."""
    from torch_fidelity.metric_fid import (  # type: ignore[import-untyped]
        KEY_METRIC_FID,
        fid_statistics_to_metric,
    )

    one, two = ({"mu": moments.mean, "sigma": moments.covariance} for moments in (first, second))
    return float(fid_statistics_to_metric(one, two, verbose=False)[KEY_METRIC_FID])


def frechet_distance_of_rows(first: Features, second: Features) -> float:
    """`frechet_distance` of features [M, F] and [N, F] themselves: exact, and quick where M or N is under F.

    The trace of (S1 S2)^1/2 is the sum of singular values of A B^T, where A^T A = S1 and B^T B = S2.
    """
    return _distance_of_roots(_root(first), _root(second))


def frechet_distance_at_infinity(first: Features, second: Features, seed: int = 0) -> float:
    """FID that the first set would have with endless images: the intercept of FID over 1/n.

    From `_INFINITY_POINTS` random subsets of a fifth to all of the first set's images; the second set stays
    as it is, with its own bias. NaN under `LEAST_FOR_INFINITY` images.
    """
    if len(first) < LEAST_FOR_INFINITY or len(second) < 2:
        return _NAN
    random = np.random.default_rng(seed)
    sizes = np.linspace(len(first) / 5, len(first), _INFINITY_POINTS).astype(int)
    root = _root(second)
    values = [_distance_of_roots(_root(first[random.permutation(len(first))[:size]]), root) for size in sizes]
    return float(np.polyfit(1 / sizes, values, 1)[1])


def _root(rows: Features) -> tuple[Float64, Float64, float]:
    """Mean [F], a matrix A [at most F, F] with A^T A the unbiased covariance, and its trace."""
    wide = rows.astype(np.float64)
    mean = wide.mean(axis=0)
    root = (wide - mean) / np.sqrt(len(rows) - 1)
    if len(root) > root.shape[1]:
        values, vectors = np.linalg.eigh(root.T @ root)
        root = (vectors * np.sqrt(np.maximum(values, 0))).T
    return mean, root, float((root**2).sum())


def _distance_of_roots(first: tuple[Float64, Float64, float], second: tuple[Float64, Float64, float]) -> float:
    overlap = np.linalg.svd(first[1] @ second[1].T, compute_uv=False).sum()
    return float(((first[0] - second[0]) ** 2).sum() + first[2] + second[2] - 2 * overlap)


def kernel_distance(first: Features, second: Features, objects: tuple[Objects, Objects] | None = None) -> float:
    """Unbiased squared maximum mean discrepancy of features [M, F] and [N, F]; values below 0 are normal.

    `objects` [M] and [N]: rows of one object are never paired within a set, for they are more alike than two draws and
    would shift the value upwards; None: each row is its own. NaN where a side has one object alone. Equal to
    torch-fidelity's where each row is its own, M = N, and its subset is the whole set.
    """
    once = np.ones((1, len(first))), np.ones((1, len(second)))
    return float(_weighted_distances((first, second), objects or _apart(first, second), once)[0])


def kernel_interval(
    first: Features,
    second: Features,
    resamples: int,
    seed: int = 0,
    *,
    objects: tuple[Objects, Objects] | None = None,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of `kernel_distance`, both sides' objects resampled `resamples` times, each
    with all its rows.

    An object drawn twice is never paired with itself: such pairs would shift every resample upwards. Where both
    sets come from the same distribution the interval is wider than 95 % needs.
    """
    random = np.random.default_rng(seed)
    sides = objects or _apart(first, second)
    weights = _resampled(sides[0], resamples, random), _resampled(sides[1], resamples, random)
    values = _weighted_distances((first, second), sides, weights)
    values = values[np.isfinite(values)]  # of two or three objects, a resample may hold one alone
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def cautions(first_count: int, second_count: int, dimensions: int, kid_count: int) -> tuple[str, ...]:
    """What a reader must know before comparing the values with others."""
    found: list[str] = []
    least = min(first_count, second_count)
    sides = f"{first_count:,} and {second_count:,}"
    if least < ENOUGH:
        found.append(
            f"fewer than {ENOUGH:,} images a side ({sides}): FID is biased upwards; compare it only with "
            "values of the same counts, and prefer KID"
        )
    if first_count != second_count:
        found.append(f"sets of unequal size ({sides}): FID depends on both counts")
    if least <= dimensions:
        found.append(
            f"fewer images ({least:,}) than the {dimensions:,} feature dimensions need: the covariance is "
            "not of full rank, and FID and FID-infinity are unreliable"
        )
    if kid_count < least:
        found.append(f"KID and its interval are of random samples of {kid_count:,} images a side")
    return tuple(found)


def _apart(first: Features, second: Features) -> tuple[Objects, Objects]:
    """Each row an object of its own."""
    return np.arange(len(first)), np.arange(len(second))


def _resampled(objects: Objects, resamples: int, random: np.random.Generator) -> Float64:
    """[R, N] how often each row is drawn with its object."""
    names, places = _places(objects)
    drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return drawn[:, places].astype(np.float64)


def _places(objects: Objects) -> tuple[Objects, Objects]:
    names, places = np.unique(objects, return_inverse=True)
    return names, places


def _weighted_distances(
    sets: tuple[Features, Features], objects: tuple[Objects, Objects], weights: tuple[Float64, Float64]
) -> Float64:
    """[R] squared discrepancies, one per row of the weights [R, M] and [R, N]; no object meets itself."""
    x, y = (rows.astype(np.float64) for rows in sets)
    u, v = weights
    within_x = _pair_sums(x, x, u, u, objects[0]) / _pairs(u, objects[0])
    within_y = _pair_sums(y, y, v, v, objects[1]) / _pairs(v, objects[1])
    across = _pair_sums(x, y, u, v) / (u.sum(axis=1) * v.sum(axis=1))
    distances: Float64 = within_x + within_y - 2 * across
    return distances


def _pair_sums(x: Float64, y: Float64, u: Float64, v: Float64, objects: Objects | None = None) -> Float64:
    """[R] sums over i, j of u[r, i] k(x_i, y_j) v[r, j], block by block; `objects`: of x = y, over different ones."""
    from torch_fidelity.metric_kid import kernel_poly  # type: ignore[import-untyped]

    sums = np.zeros(len(u))
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        kernel = kernel_poly(x[rows], y)  # [B, N]: (x y / F + 1) ** 3
        if objects is not None:
            kernel[objects[rows, None] == objects] = 0.0
        sums += ((u[:, rows] @ kernel) * v).sum(axis=1)
    return sums


def _pairs(weights: Float64, objects: Objects) -> Float64:
    """[R] total weight of pairs of rows of different objects; NaN where there is none."""
    places = _places(objects)[1]
    by_object = np.array([np.bincount(places, row) for row in weights])
    pairs: Float64 = weights.sum(axis=1) ** 2 - (by_object**2).sum(axis=1)
    return np.where(pairs > 0, pairs, np.nan)
