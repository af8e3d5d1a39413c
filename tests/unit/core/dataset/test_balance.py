import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.dataset.balance import (
    effective_number_weights,
    imbalance,
    lorenz,
    sampler_weights,
    taught_class_weights,
)
from saggar.errors import InvalidInputError
from scipy import stats

counts_strategy = st.lists(st.integers(0, 10**6), min_size=1, max_size=20)


@given(counts_strategy)
def test_class_weights_sum_to_the_classes_present_unless_capped(counts):
    weights = effective_number_weights(counts, cap=math.inf)
    present = sum(n > 0 for n in counts)
    assert weights.sum() == pytest.approx(present)
    assert all((w > 0) == (n > 0) for w, n in zip(weights, counts, strict=True))
    assert (effective_number_weights(counts, cap=1.5) <= 1.5).all()


@given(counts_strategy, st.floats(0, 0.99999))
def test_rarer_classes_weigh_no_less(counts, beta):
    weights = effective_number_weights(counts, beta)
    ordered = [w for n, w in sorted(zip(counts, weights, strict=True)) if n > 0]
    assert all(a >= b - 1e-12 for a, b in pairwise(ordered))


def test_class_weights_are_the_formulas():
    raw = np.array([(1 - 0.999) / (1 - 0.999**n) for n in (5, 50, 5000)])
    assert effective_number_weights([5, 50, 5000]) == pytest.approx(raw / raw.sum() * 3)
    assert effective_number_weights([3, 0, 900], beta=0) == pytest.approx([1, 0, 1])
    many = effective_number_weights([1] + [10**6] * 30)
    assert many[0] == 10.0  # capped
    assert list(effective_number_weights([0, 0])) == [0, 0]


@pytest.mark.parametrize("arguments", [([-1],), ([1], 1.0), ([1], -0.1), ([1], 0.9, 0.0), ([[1]],)])
def test_refuses_impossible_settings(arguments):
    with pytest.raises(InvalidInputError):
        effective_number_weights(*arguments)


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=60))
def test_sampler_draws_by_one_over_root_n(labels):
    weights = sampler_weights(labels)
    assert weights.mean() == pytest.approx(1)
    known = [(label, w) for label, w in zip(labels, weights, strict=True) if label is not None]
    assert all(w == 1 for label, w in zip(labels, weights, strict=True) if label is None)
    for label, w in known:
        for other, v in known:
            assert w / v == pytest.approx(math.sqrt(labels.count(other) / labels.count(label)))


def test_sampler_takes_indices_tuples_and_real_counts_only():
    assert sampler_weights(np.array([-1, 0, 0, 2])) == pytest.approx(sampler_weights([None, "a", "a", "b"]))
    assert sampler_weights([("a", None), ("a", None), ("b", "c")]) == pytest.approx(sampler_weights([0, 0, 1]))
    real = np.array([True, False, False, True])
    # one photograph each, so each label is drawn as often, however many others "a" has besides
    assert sampler_weights(["a", "a", "a", "b"], real) == pytest.approx(np.array([1 / 3, 1 / 3, 1 / 3, 1]) * 2)
    assert sampler_weights(["a", "b"], np.array([True, False])) == pytest.approx([1, 1])
    assert list(sampler_weights([None, None])) == [1, 1]
    with pytest.raises(InvalidInputError, match="counted has 1 rows"):
        sampler_weights(["a", "b"], np.array([True]))


def test_synthetic_rows_of_a_rare_class_do_not_make_it_the_most_drawn():
    # 95 photographs of "a", 5 of "b", and 100 synthetic images of "b"
    labels = ["a"] * 95 + ["b"] * 105
    real = np.array([True] * 100 + [False] * 100)
    for power in (0.5, 1.0):
        alone = sampler_weights(labels[:100], power=power)
        mixed = sampler_weights(labels, real, power=power)
        assert mixed[95:].sum() / mixed.sum() == pytest.approx(alone[95:].sum() / alone.sum())
        assert len(set(np.round(mixed[95:], 12))) == 1  # photographs and synthetic images share in it


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 60), st.sampled_from([0.0, 0.5, 1.0]))
def test_rows_that_teach_nothing_keep_their_natural_share(a, b, masked, power):
    labels = np.array([0] * a + [1] * b + [0] * masked)
    taught = np.array([1.0] * (a + b) + [0.0] * masked)
    alone = sampler_weights(labels[: a + b], power=power)
    weights = sampler_weights(labels, power=power, taught=taught)
    assert np.array_equal(weights[: a + b] / weights[: a + b].sum(), alone / alone.sum())
    assert weights[a + b :].sum() / weights.sum() == pytest.approx(masked / len(labels))


def test_a_row_counts_by_its_weight_towards_the_sampler():
    weights = sampler_weights(np.array([0, 0, 1]), power=1, taught=np.array([0.5, 0.5, 1.0]))
    assert weights == pytest.approx([1, 1, 1])
    with pytest.raises(InvalidInputError, match="power is 2"):
        sampler_weights(["a"], power=2)


def test_a_class_of_synthetic_images_only_never_weighs_more_than_the_mean():
    taught, photographs = np.array([200.0, 20.0, 3.0]), np.array([200.0, 20.0, 0.0])
    weights = taught_class_weights(taught, photographs)
    assert weights[:2] == pytest.approx(effective_number_weights([200, 20]))
    assert weights[2] == 1.0 < weights[1]
    many = taught_class_weights(np.array([200.0, 20.0, 10_000.0]), photographs)
    assert many[2] < many[0]  # by its own number, where that is large
    assert np.array_equal(taught_class_weights(taught, taught), effective_number_weights(taught))
    masked = taught_class_weights(np.array([200.0, 20.0, 0.0]), photographs)
    assert np.array_equal(masked, effective_number_weights([200, 20, 0]))
    assert np.array_equal(taught_class_weights(taught, np.zeros(3)), effective_number_weights(taught))


@given(st.integers(1, 30), st.integers(1, 1000))
def test_an_even_collection_has_no_imbalance(classes, n):
    even = imbalance([n] * classes)
    assert even["ratio"] == 1
    assert even["gini"] == pytest.approx(0, abs=1e-12)
    assert even["variation"] == pytest.approx(0, abs=1e-12)
    assert even["entropy"] == pytest.approx(1)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=30))
def test_gini_is_half_the_mean_difference_and_twice_the_area_over_the_lorenz_curve(counts):
    values = np.array(counts, dtype=float)
    by_definition = np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())
    measures = imbalance([*counts, 0])
    assert measures["gini"] == pytest.approx(by_definition, abs=1e-12)
    curve = lorenz(counts)
    assert 1 - 2 * np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(by_definition, abs=1e-12)
    assert tuple(curve[0]) == (0, 0)
    assert curve[-1] == pytest.approx((1, 1))
    assert measures["classes"] == len(counts)
    assert measures["sd"] == pytest.approx(values.std())


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40).filter(any))
def test_every_measure_against_an_independent_one(counts):
    present = [n for n in counts if n]
    found = imbalance(counts)
    values = pd.Series(present, dtype=float)
    entropy = stats.entropy(present) / math.log(len(present)) if len(present) > 1 else 1.0
    assert found == pytest.approx(
        {
            "classes": values.count(),
            "min": values.min(),
            "max": values.max(),
            "mean": values.mean(),
            "sd": values.std(ddof=0),
            "ratio": values.max() / values.min(),
            "variation": stats.variation(present),
            "gini": sum(abs(a - b) for a in present for b in present) / (2 * len(present) * sum(present)),
            "entropy": entropy,
        },
        abs=1e-12,
    )
    assert found == pytest.approx(imbalance(counts[::-1]), abs=1e-12)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
def test_the_lorenz_curve_is_the_share_of_the_rarest(counts):
    curve = lorenz(counts)
    ordered = sorted(counts)
    for k, (classes, samples) in enumerate(curve):
        assert classes == pytest.approx(k / len(counts))
        assert samples == pytest.approx(sum(ordered[:k]) / sum(ordered))
    slopes = np.diff(curve[:, 1])
    assert (np.diff(slopes) >= -1e-12).all()  # convex


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20), st.floats(0.5, 0.9999))
def test_effective_numbers_are_the_sum_of_a_geometric_series(counts, beta):
    # n samples count for 1 + beta + ... + beta^(n - 1), Cui et al. 2019, proposition 1
    effective = np.array([np.power(beta, np.arange(n)).sum() for n in counts])
    wanted = (1 / effective) / (1 / effective).sum() * len(counts)
    assert effective_number_weights(counts, beta, cap=math.inf) == pytest.approx(wanted)


def test_nothing_to_measure():
    with pytest.raises(InvalidInputError, match="no class has a sample"):
        imbalance([0, 0])
