"""Linear discriminants for a few hundred photographs, and answers by heads that have not seen the photograph."""

import numpy as np
import pytest
import torch
from saggar.bundle import softmax
from saggar.certainty.calibration import brier
from saggar_trainer.fitting.completing.discriminant import FOLDS, NEVER, Photographs, discriminant, fitted, folds
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


def photographs(features, labels, objects=None) -> Photographs:
    features = torch.from_numpy(np.asarray(features, np.float32))
    if features.dim() == 2:
        features = features[None]
    names = objects or [f"piece-{row}" for row in range(len(labels))]
    return Photographs(features, np.asarray(labels), np.ones(len(labels)), names)


def drawn(rng: np.random.Generator, counts: list[int], width: int, apart: float = 1.0):
    """Features around one mean a class, with correlated noise; the means lie on different axes."""
    labels = np.repeat(np.arange(len(counts)), counts)
    mixing = np.eye(width) + 0.1 * rng.normal(size=(width, width))
    return rng.normal(size=(len(labels), width)) @ mixing + apart * 3 * np.eye(width)[labels], labels


def test_classes_of_one_size_are_told_apart_as_by_scikit_learn() -> None:
    features, labels = drawn(np.random.default_rng(0), [20, 20, 20], 12)
    inputs = (features - features.mean(0)) / features.std(0)
    within = sum(np.cov(inputs[labels == c].T, bias=True) for c in range(3)) / 3
    shrunk = 0.7 * within + 0.3 * np.trace(within) / 12 * np.eye(12)
    theirs = LinearDiscriminantAnalysis(
        solver="lsqr", covariance_estimator=type("Given", (), {"fit": lambda s, _: s, "covariance_": shrunk})()
    ).fit(inputs, labels)
    weight, bias = discriminant(photographs(features, labels), 3, 0.3)
    ours = (torch.from_numpy(features.astype(np.float32)).double() @ weight.T + bias).numpy() * 60 / 57  # N / (N - C)
    expected = theirs.decision_function(inputs)
    np.testing.assert_allclose(ours - ours[:, :1], expected - expected[:, :1], rtol=1e-3, atol=1e-3)


def test_a_rare_class_is_not_pushed_aside_by_the_noise_of_its_mean() -> None:
    rng = np.random.default_rng(1)
    right = np.zeros(2)
    for _ in range(20):
        features, labels = drawn(rng, [150, 2], 60)
        fresh, truth = drawn(rng, [50, 50], 60)
        weight, bias = discriminant(photographs(features, labels), 2, 0.5)
        answers = (torch.from_numpy(fresh) @ weight.T + bias).argmax(1).numpy()
        right += [np.mean(answers[truth == c] == c) for c in (0, 1)]
    common, rare = right / 20
    assert rare > 0.65  # 0.17 without what is added back
    assert abs(common - rare) < 0.2


def test_unseen_answers_know_nothing_of_random_labels_though_the_head_learns_them() -> None:
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(100, 80)), rng.integers(0, 2, 100)
    found = fitted(photographs(features, labels), 2, 0.1)
    seen = (torch.from_numpy(features.astype(np.float32)) @ found.weight.T + found.bias).argmax(1).numpy()
    assert np.mean(seen == labels) > 0.95
    assert np.mean(found.unseen.argmax(1) == labels) < 0.65
    assert np.exp(found.unseen[:, 0] - found.unseen[:, 1]).max() < 9  # and they do not pretend to: no 90 %


def test_probabilities_are_as_sure_as_they_are_right() -> None:
    rng = np.random.default_rng(3)
    features, labels = drawn(rng, [60, 40, 20], 150, apart=0.9)
    fresh, truth = drawn(rng, [200, 200, 200], 150, apart=0.9)
    found = fitted(photographs(features, labels), 3, 0.5)
    logits = torch.from_numpy(fresh.astype(np.float32)) @ found.weight.T + found.bias
    confidence = logits.softmax(1).max(1).values.mean().item()
    assert confidence == pytest.approx(np.mean(logits.argmax(1).numpy() == truth), abs=0.1)


def test_synthetic_images_teach_but_measure_no_probability() -> None:
    rng = np.random.default_rng(6)
    features, labels = drawn(rng, [40, 40], 10, apart=0.8)
    made, wrong = rng.normal(size=(60, 10)), rng.integers(0, 2, 60)
    real = np.arange(140) < 80
    names = [f"piece-{row}" for row in range(140)]
    inputs = torch.from_numpy(np.concatenate([features, made]).astype(np.float32))[None]
    labels = np.concatenate([labels, wrong])

    def error(real: np.ndarray | None) -> float:
        found = fitted(Photographs(inputs, labels, np.ones(140), names, real), 2, 0.5)
        return brier(softmax(found.unseen[:80]), labels[:80], np.ones(80))

    assert error(real) < error(None) - 1e-3


def test_views_of_a_photograph_weigh_no_more_than_itself() -> None:
    features, labels = drawn(np.random.default_rng(4), [12, 8], 6)
    once = discriminant(photographs(features, labels), 2, 0.5)
    thrice = discriminant(photographs(np.stack([features] * 3), labels), 2, 0.5)
    for one, other in zip(once, thrice, strict=True):
        torch.testing.assert_close(one, other)


def test_a_class_without_photographs_is_never_the_answer() -> None:
    features, labels = drawn(np.random.default_rng(5), [12, 0, 8], 6)
    found = fitted(photographs(features, labels), 3, 0.5)
    assert found.bias[1] == NEVER
    assert not found.weight[1].any()
    assert np.isfinite(found.unseen).all()
    far = torch.from_numpy(features.astype(np.float32)) * 1e3  # whatever the picture
    assert (far @ found.weight.T + found.bias).softmax(1)[:, 1].max() < 1e-8


def test_one_object_alone_still_gives_a_head() -> None:
    found = fitted(photographs(np.ones((2, 3)), [1, 1], ["a", "a"]), 2, 0.5)
    assert (torch.ones(3) @ found.weight.T + found.bias).argmax() == 1


def test_folds_keep_an_object_together_and_spread_a_class() -> None:
    labels = np.array([0] * 20 + [1] * 10)
    objects = [f"piece-{row // 2}" for row in range(30)]
    places = folds(labels, objects)
    assert all(places[row] == places[row + 1] for row in range(0, 30, 2))
    assert np.bincount(places[labels == 1], minlength=FOLDS).tolist() == [2] * FOLDS
