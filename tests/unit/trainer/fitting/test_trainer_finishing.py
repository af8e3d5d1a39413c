"""What follows the last epoch: batch statistics, heads on cached features, the adjustment's tau."""

import numpy as np
import pytest
import torch
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Work
from saggar_trainer.data.pixels import cache_pixels, normalise
from saggar_trainer.data.rows import UNKNOWN
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.fitting.completing.finishing import Plain, adjust_heads, finish, reestimate_statistics
from saggar_trainer.fitting.completing.heads import Taught, chosen_heads, fitted_heads
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons, predict
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from sklearn.linear_model import LogisticRegression

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(initial_weights="random", image_size_px=32, batch_size=8, projection=False)
SPEC = input_spec(SETTINGS)


def examples(labels: list[int], seed: int = 0) -> Examples:
    """Noise in which one channel, that of the class, is bright."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 20, (len(labels), 3, 32, 32), dtype=np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[max(label, 0)] += 200
    pixels = cache_pixels(lambda i: pictures[i], len(labels))
    return Examples(pixels, {"colour": torch.tensor(labels)}, {"colour": torch.ones(len(labels))})


def model() -> MultiTaskClassifier:
    torch.manual_seed(0)
    return MultiTaskClassifier(build_backbone(SETTINGS).layers, {"colour": 3}, 0.0, projection=False)


def lessons(validation: Examples) -> Lessons:
    objective = Objective({"colour": 1.0}, {"colour": torch.ones(3)})
    return Lessons(validation, Draws(len(validation), 8), validation, objective, SPEC)


def test_statistics_are_those_of_the_photographs() -> None:
    network, photographs = model(), examples([0, 1] * 4)
    reestimate_statistics(network, photographs, SPEC, SETTINGS, CPU)
    first = network.backbone[0][1]
    images = normalise(torch.stack([photographs.pixels[i] for i in range(8)]), SPEC)
    seen = network.backbone[0][0](images)  # before the first normalisation
    torch.testing.assert_close(first.running_mean, seen.mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert first.momentum == 0.1
    assert not network.training


def classes_apart(seed: int, counts: dict[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [N, 12] that are correlated, of very unequal scales, and lean towards their label's direction."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(counts), list(counts.values()))
    mixing = np.random.default_rng(9).normal(size=(12, 12)) * np.logspace(0, -2, 12)
    features = (rng.normal(size=(len(labels), 12)) + np.eye(12)[labels] * 1.5) @ mixing + 3
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


@pytest.mark.parametrize("penalty", [1e-1, 1e-2, 1e-3])
def test_heads_are_scikit_learns_logistic_regression_with_balanced_classes(penalty: float) -> None:
    features, labels = classes_apart(0, {0: 90, 1: 40, 2: 10})
    other = torch.arange(140) % 2  # a task beside it changes nothing
    tasks = {"one": Taught(labels, torch.ones(140), 3), "other": Taught(other, torch.ones(140), 2)}
    *_, heads = fitted_heads(features, tasks, [p for p in (1e-1, 1e-2, 1e-3) if p >= penalty])
    inputs = ((features - features.mean(0)) / features.std(0, correction=0)).numpy()
    # scikit-learn sums the weighted losses: balanced weights sum to N, and its penalty is of 1 / C
    theirs = LogisticRegression(C=1 / (penalty * 140), class_weight="balanced", tol=1e-10, max_iter=10_000)
    theirs.fit(inputs, labels.numpy())
    ours = heads["one"].logits(features).softmax(1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(inputs), atol=5e-3)


def test_rows_that_do_not_teach_a_task_do_not_move_its_head() -> None:
    features, labels = classes_apart(1, {0: 30, 1: 30})
    unknown, weightless = labels.clone(), torch.ones(60)
    unknown[:5] = UNKNOWN
    weightless[:5] = 0
    flipped = torch.where(torch.arange(60) < 5, 1 - labels, labels)
    tasks = {"unknown": Taught(unknown, torch.ones(60), 2), "weightless": Taught(flipped, weightless, 2)}
    (heads,) = fitted_heads(features, tasks, [1e-2])
    torch.testing.assert_close(heads["unknown"].weight, heads["weightless"].weight)


def test_the_validation_split_chooses_the_penalty() -> None:
    features, labels = classes_apart(2, {0: 12, 1: 12, 2: 12})
    held_out, truth = classes_apart(3, {0: 200, 1: 200, 2: 200})
    found = chosen_heads(features, {"one": Taught(labels, torch.ones(36), 3)}, held_out, {"one": truth})
    scores = {}
    for penalty in (1e-1, 1e-2, 1e-3, 1e-4):
        path = [p for p in (1e-1, 1e-2, 1e-3, 1e-4) if p >= penalty]
        *_, heads = fitted_heads(features, {"one": Taught(labels, torch.ones(36), 3)}, path)
        scores[penalty] = task_metrics(truth.numpy(), heads["one"].logits(held_out).numpy()).macro_f1
    assert found["one"][1] == max(scores, key=lambda penalty: (scores[penalty], penalty))


def test_heads_are_fitted_to_photographs_and_the_backbone_stays() -> None:
    network = model()
    settings = SETTINGS.with_values(
        retrain_heads="real", batch_norm="real", hue_jitter=0.0, logit_adjustment="after", logit_adjustment_tau=1.0
    )
    priors = {"colour": torch.tensor([0.0, -9.0, -9.0])}  # would turn every answer around: not used on these heads
    teachers, validation = examples([0, 1, 2, UNKNOWN] * 5), examples([0, 1, 2] * 3, seed=1)
    plain = Plain(statistics=lambda: teachers, heads=lambda: teachers)
    before = {name: value.clone() for name, value in network.backbone.named_parameters()}
    again = model()
    for one in (network, again):
        done = finish(one, lessons(validation), plain, settings, priors=priors, device=CPU, work=Work())
        assert set(done.chosen["head_penalty"]) == {"colour"}
    assert all(torch.equal(before[name], value) for name, value in network.backbone.named_parameters())
    assert torch.equal(network.head("colour").weight, again.head("colour").weight)
    logits = predict(network, validation.pixels, SPEC, 8, CPU)["colour"]
    metrics = task_metrics(validation.labels["colour"].numpy(), logits.numpy())
    assert metrics is not None
    assert metrics.macro_f1 > 0.9


@pytest.mark.parametrize(("mode", "tau", "left"), [("after", 0.5, 0.5), ("loss", 0.5, 0.0), ("after", None, None)])
def test_what_is_left_of_the_adjustment_goes_into_the_bias(mode, tau, left) -> None:
    network, validation = model(), examples([0, 0, 0, 0, 1, 2], seed=2)
    settings = SETTINGS.with_values(logit_adjustment=mode, logit_adjustment_tau=tau)
    prior = torch.log(torch.tensor([1.0, 0.1, 0.01]))
    before = network.head("colour").bias.detach().clone()
    taus = adjust_heads(network, lessons(validation), settings, {"colour": prior}, CPU)
    left = taus["colour"] if left is None else left
    torch.testing.assert_close(network.head("colour").bias.detach(), before - left * prior)


def test_an_adjusted_bias_changes_the_answer_towards_rare_classes() -> None:
    network, validation = model(), examples([2] * 6, seed=3)
    with torch.no_grad():
        network.head("colour").weight.zero_()
        network.head("colour").bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    prior = torch.log(torch.tensor([1.0, 0.5, 0.1]))
    settings = SETTINGS.with_values(logit_adjustment="after")
    taus = adjust_heads(network, lessons(validation), settings, {"colour": prior}, CPU)
    assert taus == {"colour": 1.0}  # of those that get it right, the nearest to 1
    assert predict(network, validation.pixels, SPEC, 8, CPU)["colour"].argmax(1).tolist() == [2] * 6
