"""Precision, recall, density, coverage against their definitions, pair by pair; FID-infinity."""

import numpy as np
import pytest
from saggar_qc.measures.distances import (
    compare,
    compare_combinations,
    frechet_distance,
    frechet_distance_at_infinity,
    frechet_distance_of_rows,
    kernel_distance,
)
from saggar_qc.measures.featureset import FeatureSet
from saggar_qc.measures.manifold import manifolds


def normal(seed: int, count: int, dimensions: int = 6, mean: float = 0.0, sd: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, sd, (count, dimensions)).astype(np.float32)


def collected(rows: np.ndarray, tags: list[str] | None = None) -> FeatureSet:
    features = FeatureSet()
    features.add(rows, tags)
    return features


def by_definition(made: np.ndarray, real: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """Naeem et al. 2020, equations 1, 2, 5 and 6, in loops."""

    def away(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sqrt(((a.astype(float) - b.astype(float)) ** 2).sum()))

    def radius(rows: np.ndarray, i: int) -> float:
        return sorted(away(rows[i], rows[j]) for j in range(len(rows)) if j != i)[k - 1]

    of_real = [radius(real, i) for i in range(len(real))]
    of_made = [radius(made, i) for i in range(len(made))]
    held = [[away(y, x) < of_real[i] for i, x in enumerate(real)] for y in made]
    precision = sum(any(row) for row in held) / len(made)
    density = sum(sum(row) for row in held) / (k * len(made))
    coverage = sum(any(row[i] for row in held) for i in range(len(real))) / len(real)
    recall = sum(any(away(x, y) < of_made[j] for j, y in enumerate(made)) for x in real) / len(real)
    return precision, recall, density, coverage


@pytest.mark.parametrize(
    ("made", "real", "k"),
    [(40, 50, 5), (70, 23, 3), (7, 6, 5)],
)
def test_they_are_what_their_definitions_say(made, real, k, monkeypatch):
    monkeypatch.setattr("saggar_qc.measures.manifold._BLOCK", 16)
    first, second = normal(1, made, mean=0.6, sd=0.8), normal(2, real)
    found = manifolds(first, second, k)
    values = (found.precision, found.recall, found.density, found.coverage)
    assert values == pytest.approx(by_definition(first, second, k), abs=1e-12)
    assert len(set(values)) > 1


def test_a_set_covers_itself_and_not_a_far_one():
    rows = normal(0, 60)
    same, far = manifolds(rows, rows), manifolds(rows + 100, rows)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_one_repeated_picture_is_precise_and_covers_little():
    """What FID alone would not tell apart: mode collapse."""
    real = normal(0, 200)
    found = manifolds(np.repeat(real[:1], 50, axis=0) + normal(1, 50, sd=1e-3), real)
    assert found.precision == 1
    assert found.coverage < 0.2
    assert found.recall < 0.05


def test_too_few_images_give_no_value():
    assert np.isnan(manifolds(normal(0, 5), normal(1, 50)).precision)
    assert np.isnan(manifolds(normal(0, 50), normal(1, 5)).coverage)


# --- FID from rows


@pytest.mark.parametrize(("n", "m", "dimensions"), [(300, 200, 16), (30, 40, 64), (20, 300, 64)])
def test_fid_of_rows_is_that_of_their_moments(n, m, dimensions):
    one, two = normal(0, n, dimensions), normal(1, m, dimensions, mean=0.3, sd=1.5)
    by_moments = frechet_distance(collected(one).moments(), collected(two).moments())
    assert frechet_distance_of_rows(one, two) == pytest.approx(by_moments, rel=1e-6)
    assert frechet_distance_of_rows(two, one) == pytest.approx(by_moments, rel=1e-6)


def test_fid_at_infinity_takes_the_first_sets_bias_away():
    """The second set is large, so what is left of FID between equal distributions is the first set's bias."""
    second = normal(99, 4000, 16)
    plain = [frechet_distance_of_rows(normal(seed, 200, 16), second) for seed in range(5)]
    endless = [frechet_distance_at_infinity(normal(seed, 200, 16), second, seed) for seed in range(5)]
    assert np.mean(plain) > 0.2
    assert abs(np.mean(endless)) < 0.25 * np.mean(plain)
    assert np.isnan(frechet_distance_at_infinity(normal(0, 99, 16), second))


# --- by combination


def test_each_combination_is_measured_on_its_own():
    first = np.concatenate([normal(0, 30), normal(1, 12, mean=3), normal(2, 1)])
    second = np.concatenate([normal(3, 40), normal(4, 9)])
    found = compare_combinations(
        collected(first, ["a"] * 30 + ["b"] * 12 + ["c"]), collected(second, ["a"] * 40 + ["b"] * 9), 20
    )
    a, b, c = found
    assert [(each.combination, each.first_count, each.second_count) for each in found] == [
        ("a", 30, 40),
        ("b", 12, 9),
        ("c", 1, 0),
    ]
    assert a.kid == pytest.approx(kernel_distance(first[:30], second[:40]), rel=1e-9)
    assert b.fid == pytest.approx(frechet_distance_of_rows(first[30:42], second[40:]), rel=1e-9)
    assert b.fid > a.fid
    assert np.isnan(c.fid)
    assert np.isnan(c.kid)


def test_a_combination_takes_photographs_of_one_object_together():
    rows, ids = normal(5, 24), [str(i // 3) for i in range(24)]
    real = FeatureSet()
    real.add(rows, ["a", "b"] * 12, ids)
    found = compare_combinations(collected(normal(6, 20), ["a"] * 20), real, 20)[0]
    own = np.repeat(np.arange(8), 3)[::2]
    assert found.kid == pytest.approx(kernel_distance(normal(6, 20), rows[::2], (np.arange(20), own)), rel=1e-9)


def test_compare_carries_what_the_values_were_made_with():
    found = compare(collected(normal(0, 60)), collected(normal(1, 60)), "x", 10, preparation="32 px", libraries="y 1.2")
    assert (found.preparation, found.libraries) == ("32 px", "y 1.2")
    spread = manifolds(normal(0, 60), normal(1, 60))
    assert (found.precision, found.coverage) == (spread.precision, spread.coverage)
