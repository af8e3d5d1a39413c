"""Rare combinations in feature space: a map for the eye, and how far apart the clusters are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saggar_qc.measures.featureset import FeatureSet

COMBINATIONS = 9  # as many as the paper generates for
EACH = 60  # images a side and combination on the map
_COMPONENTS = 50  # principal ones, as t-SNE's authors advise
_PERPLEXITY = 30.0

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """One image on the map."""

    x: float
    y: float
    combination: int
    synthetic: bool


@dataclass(frozen=True)
class Cluster:
    """One combination. Distances are Euclidean, of features; None where there is nobody to measure."""

    combination: str
    real_count: int
    synthetic_count: int
    within_real: float | None  # mean distance between its real images
    within_synthetic: float | None
    across: float | None  # mean distance between its real and its synthetic images
    to_nearest_other: float | None  # mean distance of its synthetic images from the nearest other's real ones


@dataclass(frozen=True)
class Embedding:
    """t-SNE (van der Maaten and Hinton 2008) of real and synthetic images; silhouettes are of features."""

    points: tuple[Point, ...]
    clusters: tuple[Cluster, ...]
    perplexity: float
    silhouette_combinations: float | None  # -1 to 1: how well combinations stand apart
    silhouette_origin: float | None  # about 0 where synthetic images lie among the real ones


def embed(synthetic: FeatureSet, real: FeatureSet, seed: int = 0) -> Embedding | None:
    """The `COMBINATIONS` of the synthetic set that have the fewest real images; None for under 10 images."""
    ours, theirs = synthetic.tags(), real.tags()
    rarity = {tag: int((theirs == tag).sum()) for tag in set(ours)}
    chosen = sorted(rarity, key=lambda tag: (rarity[tag], tag))[:COMBINATIONS]
    rows, combination, made = [], [], []
    for number, tag in enumerate(chosen):
        for is_made, sample, tags in ((False, real, theirs), (True, synthetic, ours)):
            found = sample.sample()[np.flatnonzero(tags == tag)[:EACH]]
            rows.append(found)
            combination += [number] * len(found)
            made += [is_made] * len(found)
    if len(made) < 10:
        return None
    features = np.concatenate(rows).astype(np.float64)
    places, origin = np.array(combination), np.array(made)
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    flat = _flattened(features, perplexity, seed)
    return Embedding(
        points=tuple(
            Point(float(x), float(y), int(c), bool(m)) for (x, y), c, m in zip(flat, places, origin, strict=True)
        ),
        clusters=tuple(_clusters(features, places, origin, chosen)),
        perplexity=perplexity,
        silhouette_combinations=_silhouette(features, places),
        silhouette_origin=_silhouette(features, origin.astype(int)),
    )


def _flattened(features: Float64, perplexity: float, seed: int) -> Float64:
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]

    components = min(_COMPONENTS, *features.shape)
    short = PCA(components, random_state=seed).fit_transform(features)
    flat: Float64 = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(short)
    return flat


def _clusters(
    features: Float64, places: npt.NDArray[np.int_], made: npt.NDArray[np.bool_], names: list[str]
) -> list[Cluster]:
    from scipy.spatial.distance import cdist  # type: ignore[import-untyped]

    apart = cdist(features, features)
    found = []
    for number, name in enumerate(names):
        real = np.flatnonzero((places == number) & ~made)
        ours = np.flatnonzero((places == number) & made)
        others = [np.flatnonzero((places == n) & ~made) for n in range(len(names)) if n != number]
        away = [float(apart[np.ix_(ours, rows)].mean()) for rows in others if len(ours) and len(rows)]
        found.append(
            Cluster(
                combination=name,
                real_count=len(real),
                synthetic_count=len(ours),
                within_real=_mean_of_pairs(apart, real),
                within_synthetic=_mean_of_pairs(apart, ours),
                across=float(apart[np.ix_(ours, real)].mean()) if len(ours) and len(real) else None,
                to_nearest_other=min(away, default=None),
            )
        )
    return found


def _mean_of_pairs(apart: Float64, rows: npt.NDArray[np.intp]) -> float | None:
    if len(rows) < 2:
        return None
    return float(apart[np.ix_(rows, rows)].sum() / (len(rows) * (len(rows) - 1)))


def _silhouette(features: Float64, labels: npt.NDArray[np.int_]) -> float | None:
    from sklearn.metrics import silhouette_score  # type: ignore[import-untyped]

    if not 2 <= len(set(labels)) < len(labels):
        return None
    return float(silhouette_score(features, labels))
