"""Calibration, prediction sets and novelty, against closed forms and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.certainty.calibration import brier, expected_error, object_weights, reliability
from saggar.certainty.novelty import NoveltyModel, Whitened, novelty_model
from saggar.certainty.sets import SetRule, conformal_threshold, coverage_spread, prediction_set, set_scores
from saggar.errors import DataCorruptionError
from saggar.files.npz import npz_bytes, read_npz
from sklearn.metrics import brier_score_loss


def test_every_object_weighs_the_same() -> None:
    assert object_weights(["a", "b", "a", "a"]) == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3])


def test_brier_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    probabilities, truth = rng.dirichlet(np.ones(2), 50), rng.integers(0, 2, 50)
    found = brier(probabilities, truth, np.ones(50))
    assert found == pytest.approx(2 * brier_score_loss(truth, probabilities[:, 1]), abs=1e-12)


def test_answers_as_often_right_as_they_are_sure_have_little_error() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 40_000)
    truth = (probabilities.cumsum(axis=1) > rng.random((40_000, 1))).argmax(axis=1)
    weights = np.ones(40_000)
    bins = reliability(probabilities, truth, weights)
    assert sum(one.share for one in bins) == pytest.approx(1)
    assert expected_error(bins) < 0.01
    sure = np.eye(4)[probabilities.argmax(axis=1)]
    assert expected_error(reliability(sure, truth, weights)) == pytest.approx(
        1 - (sure.argmax(1) == truth).mean(), abs=1e-9
    )


@given(st.integers(1, 200), st.sampled_from([0.8, 0.9, 0.95]), st.integers(0, 2**31))
def test_the_threshold_is_the_order_statistic_of_split_conformal(n: int, coverage: float, seed: int) -> None:
    scores = np.random.default_rng(seed).random(n)
    k = math.ceil((n + 1) * coverage - 1e-9)
    found = conformal_threshold(scores, np.ones(n), coverage)
    assert found == (None if k > n else np.sort(scores)[k - 1])


def test_photographs_of_one_object_share_its_place() -> None:
    """An object photographed a hundred times decides no more than one photographed once."""
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.random(99), np.full(100, 5.0)])
    weights = object_weights([*map(str, range(99)), *["often"] * 100])
    assert conformal_threshold(scores, weights, 0.9) < 1
    assert conformal_threshold(scores, np.ones(199), 0.9) == 5.0


@pytest.mark.parametrize("kind", ["marginal", "prevalence"])
def test_sets_hold_the_true_class_as_often_as_they_promise(kind: str) -> None:
    rng = np.random.default_rng(2)
    prevalence = np.array([0.6, 0.25, 0.1, 0.05])
    reached = []
    for _ in range(60):
        truth = rng.choice(4, 400, p=prevalence)
        logits = rng.normal(size=(400, 4)) + 1.5 * np.eye(4)[truth] + np.log(prevalence)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        scores = set_scores(probabilities, kind, prevalence, prevalence)
        threshold = conformal_threshold(scores[np.arange(200), truth[:200]], np.ones(200), 0.9)
        rule = SetRule(
            kind=kind,
            coverage=0.9,
            threshold=threshold,
            objects=200,
            coverage_sd=coverage_spread(200, 0.9),
            mean_size=1,
            prevalence=tuple(prevalence) if kind == "prevalence" else (),
            prior=tuple(prevalence) if kind == "prevalence" else (),
        )
        reached.append(np.mean([truth[i] in prediction_set(probabilities[i], rule) for i in range(200, 400)]))
    if kind == "prevalence":  # the likeliest class is in the set even where its score is not: a little more
        assert 0.888 < np.mean(reached) < 0.95
        return
    assert np.mean(reached) == pytest.approx(0.9, abs=0.012)
    # of 200 test objects each, so their own chance is in the spread too
    assert np.std(reached) == pytest.approx(math.hypot(coverage_spread(200, 0.9), math.sqrt(0.09 / 200)), rel=0.35)


@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_prevalence_scores_do_not_depend_on_the_prior_that_a_network_was_taught(power: float) -> None:
    """Posteriors of four Gaussian classes under another prior; with their own, the score is the paper's."""
    rng = np.random.default_rng(3)
    prevalence = np.array([0.6, 0.25, 0.1, 0.05])
    prior = prevalence**power / (prevalence**power).sum()
    likelihoods = np.exp(1.5 * rng.normal(size=(50, 4)))
    true, carried = (likelihoods * of / (likelihoods @ of)[:, None] for of in (prevalence, prior))
    assert set_scores(carried, "prevalence", prevalence, prior) == pytest.approx(-true / prevalence, rel=1e-12)


def test_a_rule_of_prevalence_needs_the_prior_of_the_network() -> None:
    fields = {"coverage": 0.9, "threshold": -1, "objects": 50, "coverage_sd": 0.1, "mean_size": 1}
    for kind, prevalence, prior in (
        ("prevalence", (0.5, 0.5), ()),
        ("prevalence", (), ()),
        ("marginal", (0.5, 0.5), (0.5, 0.5)),
    ):
        with pytest.raises(ValueError, match="prevalence and prior need a number per class"):
            SetRule(kind=kind, prevalence=prevalence, prior=prior, **fields)


def test_the_spread_of_coverage_is_that_of_the_beta_distribution() -> None:
    assert [round(coverage_spread(n, 0.9), 3) for n in (20, 100, 500)] == [0.063, 0.03, 0.013]
    assert coverage_spread(5, 0.9) == 0


def test_the_likeliest_is_always_in_the_set_and_without_a_threshold_all_are() -> None:
    rule = SetRule(kind="marginal", coverage=0.9, threshold=-0.99, objects=50, coverage_sd=0.1, mean_size=1)
    probabilities = np.array([0.2, 0.5, 0.3])
    assert prediction_set(probabilities, rule) == [1]
    assert prediction_set(probabilities, rule.model_copy(update={"threshold": None})) == [1, 2, 0]


def test_what_is_no_model_of_novelty_is_refused() -> None:
    with pytest.raises(DataCorruptionError, match="train the bundle again"):
        NoveltyModel.from_bytes(b"half a file", "bundles/x/novelty.npz")


def test_a_model_of_novelty_with_numbers_missing_is_refused() -> None:
    whole = Whitened(np.eye(4), np.ones((1, 4)))
    model = novelty_model(whole, {"type": Whitened(np.eye(4), np.zeros((2, 4)))})
    arrays = read_npz(model.to_bytes())
    with pytest.raises(DataCorruptionError, match="train the bundle again"):
        NoveltyModel.from_bytes(npz_bytes(arrays | {"upper": arrays["upper"][1:]}), "bundles/x/novelty.npz")
    with pytest.raises(DataCorruptionError, match="train the bundle again"):
        NoveltyModel.from_bytes(npz_bytes(arrays | {"constant": np.zeros(0)}), "bundles/x/novelty.npz")
