"""FID and KID by their mathematical properties and against torch-fidelity on the same features."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.errors import InvalidInputError
from saggar_qc.measures.distances import cautions, compare, frechet_distance, kernel_distance, kernel_interval
from saggar_qc.measures.featureset import FeatureSet, Moments
from saggar_qc.objects import numbered
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric


def normal(seed: int, count: int, dimensions: int = 8, mean: float = 0.0, sd: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, sd, (count, dimensions)).astype(np.float32)


def collected(rows: np.ndarray, batch: int = 64, **settings: int) -> FeatureSet:
    features = FeatureSet(**settings)
    for start in range(0, len(rows), batch):
        features.add(rows[start : start + batch])
    return features


def fid_by_torch_fidelity(first: np.ndarray, second: np.ndarray) -> float:
    statistics = (fid_features_to_statistics(torch.from_numpy(rows.astype(np.float64))) for rows in (first, second))
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


# --- features to statistics


@examples(40)
@given(count=st.integers(2, 90), batch=st.integers(1, 100), shift=st.sampled_from([0.0, 1e4]))
def test_moments_are_numpys_whatever_the_batches(count, batch, shift):
    rows = normal(count, count, 5) + np.float32(shift)
    moments = collected(rows, batch).moments()
    assert moments.count == count
    np.testing.assert_allclose(moments.mean, rows.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(rows.astype(np.float64), rowvar=False), rtol=1e-9, atol=1e-12)


def test_a_small_set_is_its_own_sample_in_order():
    rows = normal(0, 100)
    np.testing.assert_array_equal(collected(rows, 7).sample(), rows)


@examples(20)
@given(batch=st.integers(1, 300))
def test_the_sample_is_bounded_and_independent_of_batches(batch):
    rows = np.arange(1000, dtype=np.float32)[:, None]
    sample = collected(rows, batch, sample_size=50).sample()
    assert sample.shape == (50, 1)
    np.testing.assert_array_equal(sample, collected(rows, 64, sample_size=50).sample())
    assert (np.diff(sample[:, 0]) > 0).all()  # in order, none twice


def test_every_row_is_as_likely_to_be_sampled():
    rows = np.arange(200, dtype=np.float32)[:, None]
    drawn = np.zeros(200)
    for seed in range(400):
        drawn[collected(rows, 64, sample_size=20, seed=seed).sample()[:, 0].astype(int)] += 1
    assert drawn.sum() == 400 * 20
    assert abs(drawn[:100].sum() - 4000) < 5 * np.sqrt(4000)
    assert drawn.max() < 40 + 6 * np.sqrt(40)


def test_one_row_has_no_covariance():
    with pytest.raises(ValueError, match="no covariance"):
        collected(normal(0, 1)).moments()


# --- FID


def test_fid_of_a_set_with_itself_is_zero():
    moments = collected(normal(0, 300)).moments()
    assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-8)


def test_fid_is_about_zero_even_where_the_covariance_is_singular():
    moments = collected(normal(0, 20, 64)).moments()
    assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-4 * np.trace(moments.covariance))


@examples(20)
@given(seed=st.integers(0, 1000), mean=st.floats(-2, 2), sd=st.floats(0.2, 3))
def test_fid_is_symmetric_and_not_negative(seed, mean, sd):
    one = collected(normal(seed, 100)).moments()
    two = collected(normal(seed + 1, 80, mean=mean, sd=sd)).moments()
    there, back = frechet_distance(one, two), frechet_distance(two, one)
    assert there == pytest.approx(back, rel=1e-8)
    assert there > 0


def test_fid_of_gaussians_has_a_closed_form():
    """|m1 - m2|^2 + sum (s1 - s2)^2 where covariances are diagonal."""
    m1, m2 = np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0, -1.0])
    s1, s2 = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 0.5])
    one, two = (Moments(10, m, np.diag(s**2)) for m, s in ((m1, s1), (m2, s2)))
    assert frechet_distance(one, two) == pytest.approx(((m1 - m2) ** 2).sum() + ((s1 - s2) ** 2).sum())


def test_fid_does_not_change_when_both_sets_are_rotated():
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(8, 8)))[0]
    one, two = normal(0, 200), normal(1, 150, mean=0.5, sd=2)
    turned = [collected(rows @ rotation).moments() for rows in (one, two)]
    plain = [collected(rows).moments() for rows in (one, two)]
    assert frechet_distance(*turned) == pytest.approx(frechet_distance(*plain), rel=1e-5)


@pytest.mark.parametrize(("n", "m", "dimensions"), [(300, 300, 16), (120, 500, 16), (40, 30, 64)])
def test_fid_equals_torch_fidelitys_on_the_same_features(n, m, dimensions):
    one, two = normal(0, n, dimensions), normal(1, m, dimensions, mean=0.3, sd=1.5)
    ours = frechet_distance(collected(one).moments(), collected(two).moments())
    assert ours == pytest.approx(fid_by_torch_fidelity(one, two), rel=1e-6)


def test_fid_of_one_distribution_falls_with_n_and_says_so():
    """Why n stands beside every value."""
    values = []
    for count in (30, 100, 1000):
        found = compare(collected(normal(0, count, 24)), collected(normal(1, count, 24)), "x", resamples=1)
        assert any("biased upwards" in warning for warning in found.warnings)
        values.append(found.fid)
    assert values[0] > 2 * values[1] > 4 * values[2] > 0


# --- KID


def test_kid_equals_torch_fidelitys_on_the_same_features():
    one, two = normal(0, 150, 16), normal(1, 150, 16, mean=0.4)
    theirs = kid_features_to_metric(
        torch.from_numpy(one.astype(np.float64)),
        torch.from_numpy(two.astype(np.float64)),
        kid_subsets=1,
        kid_subset_size=150,
        verbose=False,
    )
    assert kernel_distance(one, two) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)


def test_kid_of_unequal_sets_is_the_mean_over_all_pairs():
    one, two = normal(0, 12, 3).astype(np.float64), normal(1, 7, 3, mean=1).astype(np.float64)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    within = [
        np.mean([k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]) for rows in (one, two)
    ]
    across = np.mean([k(a, b) for a in one for b in two])
    assert kernel_distance(one, two) == pytest.approx(sum(within) - 2 * across, rel=1e-10)


def test_kid_is_symmetric_and_does_not_depend_on_order_or_blocks(monkeypatch):
    one, two = normal(0, 90), normal(1, 70, mean=0.5)
    value = kernel_distance(one, two)
    assert kernel_distance(two, one) == pytest.approx(value, rel=1e-10)
    assert kernel_distance(one[::-1], two[::-1]) == pytest.approx(value, rel=1e-10)
    monkeypatch.setattr("saggar_qc.measures.distances._BLOCK", 7)
    assert kernel_distance(one, two) == pytest.approx(value, rel=1e-10)
    low, high = kernel_interval(one, two, 20)
    monkeypatch.setattr("saggar_qc.measures.distances._BLOCK", 1024)
    assert kernel_interval(one, two, 20) == pytest.approx((low, high), rel=1e-9)


# Of x and y in one dimension, (x y + 1)^3 has the expectation 1 + 3 a1 b1 + 3 a2 b2 + a3 b3 over their raw
# moments a and b, so the squared discrepancy is 3 (a1 - b1)^2 + 3 (a2 - b2)^2 + (a3 - b3)^2.
SHIFT = 0.5
CLOSED_FORM = 3 * SHIFT**2 + 3 * (SHIFT**2) ** 2 + (SHIFT**3 + 3 * SHIFT) ** 2


def test_kid_has_no_bias_and_reaches_the_closed_form():
    near, far = [], []
    for seed in range(300):
        near.append(kernel_distance(normal(2 * seed, 40, 1), normal(2 * seed + 1, 40, 1)))
        far.append(kernel_distance(normal(2 * seed, 40, 1), normal(2 * seed + 1, 40, 1, mean=SHIFT)))
    assert np.mean(near) == pytest.approx(0, abs=4 * np.std(near) / np.sqrt(300))
    assert np.mean(far) == pytest.approx(CLOSED_FORM, abs=4 * np.std(far) / np.sqrt(300))


def test_the_interval_holds_the_true_value_about_as_often_as_it_says():
    held = {0.0: 0, SHIFT: 0}
    for seed in range(40):
        for shift in held:
            one, two = normal(2 * seed, 150, 1), normal(2 * seed + 1, 150, 1, mean=shift)
            low, high = kernel_interval(one, two, 200, seed)
            held[shift] += low <= (CLOSED_FORM if shift else 0.0) <= high
    assert held[SHIFT] >= 34
    assert held[0.0] >= 36


def test_the_interval_is_reproducible_and_narrows_with_n():
    small, large = (kernel_interval(normal(0, n), normal(1, n, mean=1), 100) for n in (50, 800))
    assert small == kernel_interval(normal(0, 50), normal(1, 50, mean=1), 100)
    assert (large[1] - large[0]) / large[0] < 0.5 * (small[1] - small[0]) / small[0]


# --- photographs of one object


def photographed(seed: int, objects: int, each: int, dimensions: int = 1, mean: float = 0.0) -> np.ndarray:
    """`each` rows of every object, of correlation .8, each row standard normal about `mean`."""
    own = np.repeat(normal(seed, objects, dimensions), each, axis=0)
    rows = np.sqrt(0.8) * own + np.sqrt(0.2) * normal(seed + 10_000, objects * each, dimensions) + mean
    return rows.astype(np.float32)


def test_kid_leaves_out_pairs_of_one_object():
    one, two = normal(0, 6, 3).astype(np.float64), normal(1, 5, 3, mean=1).astype(np.float64)
    objects = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 3])

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    within = [
        np.mean([k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if own[i] != own[j]])
        for rows, own in zip((one, two), objects, strict=True)
    ]
    across = np.mean([k(a, b) for a in one for b in two])
    assert kernel_distance(one, two, objects) == pytest.approx(sum(within) - 2 * across, rel=1e-10)
    assert np.isnan(kernel_distance(one, two, (objects[0], np.zeros(5, dtype=int))))


def test_kid_has_no_bias_where_objects_have_several_photographs():
    objects = np.arange(60), np.repeat(np.arange(20), 3)
    near = [
        kernel_distance(normal(2 * seed, 60, 8), photographed(2 * seed + 1, 20, 3, 8), objects) for seed in range(200)
    ]
    assert np.mean(near) == pytest.approx(0, abs=4 * np.std(near) / np.sqrt(200))
    assert np.std(near) / np.sqrt(200) < 0.01


def test_the_interval_holds_the_true_value_where_objects_have_several_photographs():
    objects, held, above = (np.arange(150), np.repeat(np.arange(50), 3)), 0, 0
    for seed in range(40):
        one, two = normal(2 * seed, 150, 1), photographed(2 * seed + 1, 50, 3, mean=SHIFT)
        low, high = kernel_interval(one, two, 200, seed, objects=objects)
        held += low <= CLOSED_FORM <= high
        above += kernel_interval(one, photographed(2 * seed + 1, 50, 3), 200, seed, objects=objects)[0] > 0
    assert held >= 33
    assert above <= 2


@pytest.mark.parametrize("batch", [1, 7, 90])
def test_objects_go_with_the_rows_of_a_sample(batch):
    rows, ids = np.arange(90, dtype=np.float32)[:, None], [f"pot {i // 3}" if i < 60 else "" for i in range(90)]
    features = FeatureSet(sample_size=40)
    for start in range(0, 90, batch):
        features.add(rows[start : start + batch], objects=ids[start : start + batch])
    kept = [ids[int(row)] for row in features.sample()[:, 0]]
    np.testing.assert_array_equal(features.objects(), numbered(kept))
    assert numbered(["b", "", "a", "b", ""]).tolist() == [0, 1, 2, 0, 3]
    assert len(FeatureSet().objects()) == 0


def test_compare_takes_photographs_of_one_object_together():
    one, two = normal(0, 60, 8), photographed(1, 20, 3, 8)
    sets = collected(one), FeatureSet()
    sets[1].add(two, ["a"] * 60, [str(i // 3) for i in range(60)])
    found, objects = compare(*sets, "x", resamples=50), (np.arange(60), np.repeat(np.arange(20), 3))
    assert found.kid == pytest.approx(kernel_distance(one, two, objects))
    assert (found.kid_low, found.kid_high) == kernel_interval(one, two, 50, objects=objects)
    assert found.fid == compare(collected(one), collected(two), "x", resamples=1).fid


# --- both


def test_compare_puts_counts_and_extractor_beside_the_values():
    one, two = collected(normal(0, 60)), collected(normal(1, 50, mean=2))
    found = compare(one, two, "backbone:0123456789abcdef", resamples=50)
    assert (found.extractor, found.first_count, found.second_count) == ("backbone:0123456789abcdef", 60, 50)
    assert found.feature_dimensions == 8
    assert found.kid_low <= found.kid <= found.kid_high
    assert len(found.warnings) == 2  # few images; unequal n


@pytest.mark.parametrize("batch", [1, 13, 200])
def test_batches_do_not_change_the_measures(batch):
    one, two = normal(0, 200), normal(1, 200, mean=1)
    whole = compare(collected(one, 200), collected(two, 200), "x", resamples=10)
    cut = compare(collected(one, batch), collected(two, batch), "x", resamples=10)
    assert cut.fid == pytest.approx(whole.fid, rel=1e-8)
    assert (cut.kid, cut.kid_low, cut.kid_high) == (whole.kid, whole.kid_low, whole.kid_high)


@pytest.mark.parametrize("counts", [(1, 5), (5, 0)])
def test_a_set_of_fewer_than_two_is_refused(counts):
    with pytest.raises(InvalidInputError, match="at least 2"):
        compare(*(collected(normal(0, count)) for count in counts), "x")


def test_sets_of_other_extractors_are_refused():
    with pytest.raises(InvalidInputError, match="8 and 9 dimensions"):
        compare(collected(normal(0, 5, 8)), collected(normal(0, 5, 9)), "x")


def test_two_images_a_side_can_be_measured():
    found = compare(collected(normal(0, 2)), collected(normal(1, 2)), "x", resamples=50)
    assert np.isfinite(found.fid)
    assert np.isfinite(found.kid)


def test_cautions_name_what_is_wrong_and_nothing_else():
    assert cautions(3000, 3000, 960, 3000) == ()
    assert [text.split(":")[0] for text in cautions(2047, 2047, 960, 2047)] == [
        "fewer than 2,048 images a side (2,047 and 2,047)"
    ]
    unequal = cautions(3000, 3001, 960, 3000)
    assert len(unequal) == 1
    assert "unequal size (3,000 and 3,001)" in unequal[0]
    assert "not of full rank" in cautions(2048, 2048, 2048, 2048)[0]
    assert "random samples of 5,000" in cautions(9000, 9000, 960, 5000)[0]
