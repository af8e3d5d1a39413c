"""What is fitted on the validation split."""

import numpy as np
import pytest
import torch
from saggar.bundle import softmax
from saggar.certainty.novelty import NoveltyModel, to_unit_length
from saggar.certainty.sets import prediction_set
from saggar.errors import WrongStateError
from saggar_trainer.data.rows import UNKNOWN
from saggar_trainer.evidence.calibrating import calibrate, fit_novelty, novelty_rule, set_rules
from saggar_trainer.export import checking
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.model.backbone import minimalistic
from saggar_trainer.model.network import MultiTaskClassifier
from sklearn.covariance import empirical_covariance, shrunk_covariance
from sklearn.metrics import roc_auc_score


def answers(n: int, sharpened: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose probabilities are right at temperature `sharpened`, and truths drawn from these."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 5)) * 2
    probabilities = softmax(logits)
    truth = (probabilities.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return (logits * sharpened).astype(np.float32), truth


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_false_certainty(sharpened: float) -> None:
    logits, truth = answers(5000, sharpened)
    found = calibrate(logits, truth, [str(i) for i in range(5000)])
    assert found is not None
    assert found.temperature == pytest.approx(sharpened, rel=0.06)
    assert found.expected_error <= 0.02
    assert found.brier <= found.brier_before + 1e-9
    if sharpened > 1:
        assert found.expected_error_before > 0.1


def test_no_probability_is_surer_than_so_many_objects_can_show() -> None:
    """All right, with logits far apart: any temperature would do, and the coldest gives .9999999."""
    truth = np.arange(60) % 5
    logits = (40 * np.eye(5)[truth]).astype(np.float32)
    found = calibrate(logits, truth, [f"o{i // 2}" for i in range(60)])
    assert found is not None
    probabilities = found.probabilities(logits)
    assert probabilities.max() == pytest.approx(1 - 0.8 / 31, abs=1e-6)  # 30 objects of two photographs
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (probabilities.argmax(axis=1) == truth).all()


def test_unknown_labels_take_no_part_and_objects_are_counted() -> None:
    logits, truth = answers(40, 1.0)
    truth[:10] = UNKNOWN
    found = calibrate(logits, truth, [str(i // 3) for i in range(40)])
    assert found is not None
    assert (found.photographs, found.objects) == (30, 11)
    assert calibrate(logits, np.full(40, UNKNOWN), ["x"] * 40) is None
    assert set_rules(softmax(logits), np.full(40, UNKNOWN), ["x"] * 40, [0.2] * 5, [0.2] * 5) == ()


def test_one_photograph_is_enough_to_say_that_it_says_nothing() -> None:
    logits, truth = answers(1, 1.0)
    found = calibrate(logits, truth, ["only"])
    assert found is not None
    rules = set_rules(softmax(logits), truth, ["only"], [0.2] * 5, [0.2] * 5)
    assert all(rule.threshold is None and rule.mean_size == 5 for rule in rules)


def test_a_network_that_takes_all_classes_for_equally_common_keeps_the_commonest_in_its_sets() -> None:
    """Eight Gaussian classes, each half as common as the one before: the best answers there are, under both priors."""
    rng = np.random.default_rng(0)
    prevalence = 0.55 ** np.arange(8)
    prevalence /= prevalence.sum()
    found: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
    for _ in range(12):
        truth = rng.choice(8, 2500, p=prevalence)
        like = (1.6 * np.eye(8)[truth] + rng.normal(size=(2500, 8))) * 1.6  # log likelihoods
        for balanced, reached in found.items():
            prior = np.full(8, 1 / 8) if balanced else prevalence
            probabilities = softmax((like + np.log(prior)).astype(np.float32))
            ids = [str(row) for row in range(500)]
            rules = set_rules(probabilities[:500], truth[:500], ids, prevalence.tolist(), prior.tolist())
            (rule,) = (one for one in rules if (one.kind, one.coverage) == ("prevalence", 0.9))
            inside = [prediction_set(one, rule) for one in probabilities[500:]]
            held = np.array([label in chosen for label, chosen in zip(truth[500:], inside, strict=True)])
            commonest = held[truth[500:] == 0].mean()
            reached.append((held.mean(), commonest, np.mean([len(chosen) for chosen in inside])))
    coverage, commonest, size = np.mean(found[True], axis=0)
    assert coverage == pytest.approx(0.9, abs=0.02)
    assert commonest > 0.88
    assert size == pytest.approx(np.mean(found[False], axis=0)[2], rel=0.01)


def test_far_away_is_told_from_near_and_the_threshold_keeps_its_promise() -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3, 40))
    labels = rng.integers(0, 3, 900)
    features = (5 + directions[labels] + 0.3 * rng.normal(size=(900, 40))).astype(np.float32)
    far = (5 + rng.normal(size=(300, 40)) * 1.1).astype(np.float32)
    model = fit_novelty(features[:400], {"type": labels[:400], "glaze": np.full(400, UNKNOWN)})
    assert set(model.slopes) == {"type"}
    again = NoveltyModel.from_bytes(model.to_bytes(), "x")
    np.testing.assert_array_equal(again.scores(far), model.scores(far))
    rule = novelty_rule(model, features[400:700], [str(i) for i in range(300)])
    fresh = model.scores(features[700:])
    scores = np.concatenate([fresh, model.scores(far)])
    assert roc_auc_score([0] * 200 + [1] * 300, scores) > 0.95
    assert (fresh > rule.threshold).mean() == pytest.approx(0.05, abs=0.05)


@pytest.mark.parametrize(("objects", "promised"), [(5, 1 / 6), (10, 1 / 11), (19, 0.05), (60, 0.05)])
def test_few_objects_promise_as_many_false_alarms_as_they_give(objects: int, promised: float) -> None:
    """The novelty is the length here: the only class is all there is."""
    rng = np.random.default_rng(0)
    model = fit_novelty(rng.normal(size=(400, 4)).astype(np.float32), {})
    ids, reached = [str(number) for number in range(objects)], []
    for _ in range(200):
        rule = novelty_rule(model, rng.normal(size=(objects, 4)).astype(np.float32), ids)
        reached.append((model.scores(rng.normal(size=(200, 4)).astype(np.float32)) > rule.threshold).mean())
    assert rule.false_alarms == pytest.approx(promised)
    assert np.mean(reached) <= rule.false_alarms + 0.015


def test_scores_are_relative_mahalanobis_distances_and_take_a_triangle_of_numbers() -> None:
    """Against distances by scikit-learn's covariances and NumPy's inverse, for two tasks."""
    rng = np.random.default_rng(1)
    labels = {"type": rng.integers(0, 3, 300), "glaze": rng.integers(0, 2, 300)}
    features = rng.normal(size=(300, 12)) + 2 + rng.normal(size=(3, 12))[labels["type"]]
    asked = to_unit_length(rng.normal(size=(50, 12)).astype(np.float32) + 1).astype(np.float64)
    model = fit_novelty(features.astype(np.float32), labels)
    unit = to_unit_length(features.astype(np.float32)).astype(np.float64)

    def distances(residuals: np.ndarray, mean: np.ndarray) -> np.ndarray:
        covariance = shrunk_covariance(empirical_covariance(residuals, assume_centered=True), 0.1)
        return np.einsum("nf,fg,ng->n", asked - mean, np.linalg.inv(covariance), asked - mean)

    expected = -distances(unit - unit.mean(0), unit.mean(0))
    for classes in labels.values():
        means = [unit[classes == index].mean(0) for index in range(classes.max() + 1)]
        residuals = unit - np.stack(means)[classes]
        expected += np.min([distances(residuals, mean) for mean in means], axis=0) / 2
    np.testing.assert_allclose(model.scores(asked.astype(np.float32)), expected, rtol=1e-4, atol=1e-2)
    numbers = 12 * 13 / 2 + 12 + (3 + 2) * 12
    assert len(model.to_bytes()) < 4 * numbers + 2500  # what .npz says of each array


def test_without_any_label_novelty_is_the_distance_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    away = np.array([4, 0, 0, 0, 0, 0])
    own, far = rng.normal(size=(300, 6)) + away, rng.normal(size=(100, 6)) - away
    model = fit_novelty(own[:200].astype(np.float32), {"type": np.full(200, UNKNOWN)})
    scores = model.scores(np.concatenate([own[200:], far]).astype(np.float32))
    assert roc_auc_score([0] * 100 + [1] * 100, scores) > 0.95
    assert NoveltyModel.from_bytes(model.to_bytes(), "x").scores(own.astype(np.float32)).shape == (300,)


def test_an_export_that_answers_otherwise_is_not_kept() -> None:
    torch.manual_seed(0)
    model = MultiTaskClassifier(minimalistic().features, {"type": 3}, projection=False)
    images = torch.randn(3, 3, 32, 32)
    content = to_onnx(model, 32)
    golden = checking.check_export(content, model, images)
    np.testing.assert_array_equal(golden.image, images[0].numpy())
    with torch.no_grad():
        model.head("type").bias[1] += 0.01
    with pytest.raises(WrongStateError, match=r"type is 0\.01 from the trained one's"):
        checking.check_export(content, model, images)
