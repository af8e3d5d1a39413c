"""Every score equals scikit-learn's; leaving an object out equals counting without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar_orchestrator.findings.statistics.counting import accuracy_without, confusion, count, macro_f1_without
from sklearn import metrics

EXACT = {"rel": 1e-12, "abs": 1e-12}
drawn = given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(1, 60))


def draw(seed, classes, n, unknown=0.0):
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, classes, n), rng.integers(0, classes, n)
    true[rng.random(n) < unknown] = -1
    return true, predicted


@examples(60)
@drawn
def test_scores_are_scikit_learns(seed, classes, n):
    true, predicted = draw(seed, classes, n)
    found = count(true, predicted, classes)
    every, present = list(range(classes)), sorted(set(true.tolist()))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, predicted, labels=every, zero_division=0
    )
    assert found.precision == pytest.approx(precision, **EXACT)
    assert found.recall == pytest.approx(recall, **EXACT)
    assert found.f1 == pytest.approx(f1, **EXACT)
    assert found.true.tolist() == support.tolist()
    macro = metrics.f1_score(true, predicted, labels=present, average="macro", zero_division=0)
    weighted = metrics.f1_score(true, predicted, labels=present, average="weighted", zero_division=0)
    assert found.macro_f1 == pytest.approx(macro, **EXACT)
    assert found.weighted_f1 == pytest.approx(weighted, **EXACT)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(true, predicted), **EXACT)
    assert (confusion(true, predicted, classes) == metrics.confusion_matrix(true, predicted, labels=every)).all()


@examples(60)
@drawn
def test_unknown_labels_take_no_part(seed, classes, n):
    true, predicted = draw(seed, classes, n, unknown=0.3)
    known = true >= 0
    whole, part = count(true, predicted, classes), count(true[known], predicted[known], classes)
    assert (whole.macro_f1, whole.weighted_f1, whole.accuracy) == (part.macro_f1, part.weighted_f1, part.accuracy)
    assert confusion(true, predicted, classes).sum() == known.sum()


def test_a_class_absent_from_the_test_is_in_no_mean():
    true, predicted = np.array([0, 0, 1]), np.array([0, 2, 1])
    found = count(true, predicted, 4)
    assert found.fixed.tolist() == [True, True, False, False]
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


def test_a_class_never_predicted_has_precision_0_and_stays_in_the_mean():
    found = count(np.array([0, 1]), np.array([0, 0]), 2)
    assert found.precision.tolist() == [0.5, 0]
    assert found.macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_without_any_label_all_scores_are_0():
    found = count(np.array([-1, -1]), np.array([0, 1]), 2)
    assert (found.macro_f1, found.weighted_f1, found.accuracy) == (0, 0, 0)
    objects = np.array([0, 1])
    assert macro_f1_without(np.array([-1, -1]), np.array([0, 1]), 2, objects).tolist() == [0, 0]


@examples(60)
@drawn
def test_leaving_an_object_out_is_counting_without_it(seed, classes, n):
    true, predicted = draw(seed, classes, n, unknown=0.1)
    objects = np.random.default_rng(seed).integers(0, max(1, n // 2), n)
    objects = np.unique(objects, return_inverse=True)[1]
    whole = count(true, predicted, classes)
    f1, accuracy = [], []
    for one in range(objects.max() + 1):
        rest = count(true[objects != one], predicted[objects != one], classes)
        # the set of classes stays fixed, also when the last object of one is gone
        f1.append(rest.f1[whole.fixed].mean() - whole.macro_f1 if whole.fixed.any() else 0)
        accuracy.append(rest.accuracy - whole.accuracy)
    assert macro_f1_without(true, predicted, classes, objects) == pytest.approx(np.array(f1), **EXACT)
    assert accuracy_without(true, predicted, objects) == pytest.approx(np.array(accuracy), **EXACT)


def test_a_class_that_loses_its_only_object_has_f1_0():
    change = macro_f1_without(np.array([0, 0, 1]), np.array([0, 0, 1]), 2, np.array([0, 1, 2]))
    assert change == pytest.approx([0, 0, -0.5])
