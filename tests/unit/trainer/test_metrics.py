"""Metrics, compared with scikit-learn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.errors import InvalidInputError
from saggar_trainer.data.rows import UNKNOWN
from saggar_trainer.evidence.metrics import mean_macro_f1, task_metrics
from sklearn import metrics as sk


@st.composite
def truths_and_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    classes = draw(st.integers(2, 8))
    n = draw(st.integers(1, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    return truth, rng.dirichlet(np.ones(classes), n)


def exactly(value: float) -> Any:
    return pytest.approx(value, rel=0, abs=1e-12)


@given(truths_and_scores())
def test_every_number_is_scikit_learns(case: tuple[np.ndarray, np.ndarray]) -> None:
    truth, scores = case
    classes = scores.shape[1]
    predicted = scores.argmax(1)
    labels, present = np.arange(classes), np.unique(truth)
    found = task_metrics(truth, scores)
    assert found is not None

    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    np.testing.assert_allclose(found.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.recall, recall, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.f1, f1, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.support, support)
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(truth, predicted, labels=labels))
    assert found.top_1 == exactly(sk.accuracy_score(truth, predicted))
    assert found.macro_f1 == exactly(sk.f1_score(truth, predicted, labels=present, average="macro", zero_division=0))
    assert found.weighted_f1 == exactly(
        sk.f1_score(truth, predicted, labels=present, average="weighted", zero_division=0)
    )
    if classes > 5:
        top_5 = sk.top_k_accuracy_score(truth, scores, k=5, labels=labels)
        assert found.top_5 == exactly(top_5)
    else:
        assert found.top_5 == 1.0


def test_a_class_without_a_true_image_takes_no_part_in_the_mean() -> None:
    truth = np.array([0, 0, 1, 1])
    right = task_metrics(truth, np.eye(3)[[0, 0, 1, 1]])
    one_wrong = task_metrics(truth, np.eye(3)[[0, 0, 1, 2]])
    assert right is not None
    assert one_wrong is not None
    assert right.macro_f1 == 1.0
    assert one_wrong.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_unknown_labels_are_left_out() -> None:
    scores = np.eye(3)[[0, 1, 2, 2]]
    with_unknown = task_metrics(np.array([0, 1, UNKNOWN, 2]), scores)
    without = task_metrics(np.array([0, 1, 2]), scores[[0, 1, 3]])
    assert with_unknown is not None
    assert without is not None
    assert with_unknown.n == 3
    assert with_unknown.to_dict("abc") == without.to_dict("abc")
    assert task_metrics(np.array([UNKNOWN]), scores[:1]) is None


def test_the_mean_runs_over_the_tasks_that_can_be_scored() -> None:
    scores = np.eye(2)[[0, 1]]
    perfect = task_metrics(np.array([0, 1]), scores)
    wrong = task_metrics(np.array([1, 0]), scores)
    assert mean_macro_f1({"a": perfect, "b": wrong, "c": None}) == 0.5
    with pytest.raises(InvalidInputError, match="no image of this split has a known label"):
        mean_macro_f1({"c": None})


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="probabilities"):
        task_metrics(np.array([0, 1]), np.eye(3))
