import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saggar_orchestrator.findings import evidence
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(1, 60))
def test_scores_agree_with_scikit_learn(seed, classes, n):
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, classes, n), rng.integers(0, classes, n)
    matrix = evidence.confusion(true, predicted, classes)
    assert (matrix == confusion_matrix(true, predicted, labels=range(classes))).all()
    present = sorted(set(true))
    expected = f1_score(true, predicted, labels=present, average="macro", zero_division=0)
    assert evidence.macro_f1(matrix) == pytest.approx(expected)
    assert evidence.accuracy(matrix) == pytest.approx(accuracy_score(true, predicted))


def test_unknown_labels_take_no_part():
    true, predicted = np.array([0, 1, -1]), np.array([0, 0, 1])
    assert evidence.confusion(true, predicted, 2).sum() == 2


def bootstrap(true, ours, theirs, classes=3, objects=None, **settings):
    objects = np.arange(len(true)) if objects is None else objects
    found = evidence.paired_bootstrap(
        [true], [[o] for o in ours], [[t] for t in theirs], [classes], objects, **settings
    )
    return found["macro_f1"][0], found["accuracy"][0]


def test_equal_predictions_differ_by_nothing():
    true = np.arange(90) % 3
    predicted = np.roll(true, 1)
    for difference in bootstrap(true, [predicted], [predicted]):
        assert (difference.mean, difference.low, difference.high, difference.verdict) == (0, 0, 0, "unclear")


def test_a_large_difference_is_seen_and_its_reverse_is_its_mirror():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 300)
    good = np.where(rng.random(300) < 0.9, true, (true + 1) % 3)
    poor = np.where(rng.random(300) < 0.5, true, (true + 1) % 3)
    _, better = bootstrap(true, [good], [poor])
    _, worse = bootstrap(true, [poor], [good])
    assert better.verdict == "helped"
    assert worse.verdict == "worse"
    assert better.mean == pytest.approx((good == true).mean() - (poor == true).mean())
    assert (worse.low, worse.high) == pytest.approx((-better.high, -better.low))


def test_the_interval_of_accuracy_agrees_with_its_closed_form():
    rng = np.random.default_rng(1)
    n = 400
    true = rng.integers(0, 2, n)
    ours = np.where(rng.random(n) < 0.8, true, 1 - true)
    theirs = np.where(rng.random(n) < 0.7, true, 1 - true)
    _, found = bootstrap(true, [ours], [theirs], classes=2, resamples=4000)
    gain = (ours == true).astype(float) - (theirs == true)
    half = 1.96 * gain.std() / np.sqrt(n)  # normal approximation of a mean of paired differences
    assert found.low == pytest.approx(gain.mean() - half, abs=0.006)
    assert found.high == pytest.approx(gain.mean() + half, abs=0.006)


def test_photographs_of_one_object_are_drawn_together():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 2, 60)
    ours = np.where(rng.random(60) < 0.8, true, 1 - true)
    theirs = np.where(rng.random(60) < 0.6, true, 1 - true)
    _, alone = bootstrap(true, [ours], [theirs], classes=2)
    tripled = [np.repeat(values, 3) for values in (true, ours, theirs)]
    _, together = bootstrap(tripled[0], [tripled[1]], [tripled[2]], classes=2, objects=np.repeat(np.arange(60), 3))
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))  # copies are no evidence


def test_equal_seeds_give_equal_intervals():
    rng = np.random.default_rng(3)
    true, ours, theirs = (rng.integers(0, 3, 50) for _ in range(3))
    assert bootstrap(true, [ours], [theirs], seed=4) == bootstrap(true, [ours], [theirs], seed=4)
