"""The loss: masks, class weights, and the sampler's chances."""

import numpy as np
import pytest
import torch
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import load_taxonomy
from saggar_trainer.data.rows import UNKNOWN, Samples
from saggar_trainer.fitting.objective import (
    class_weights,
    masked_cross_entropy,
    objective_of,
    row_weights,
    sampling_weights,
)
from torch.nn import functional

TAXONOMY = load_taxonomy("kilnsim")


def samples(glaze: list[int], synthetic: list[bool] | None = None) -> Samples:
    n = len(glaze)
    made = np.array(synthetic or [False] * n)
    labels = {task: np.full(n, UNKNOWN) for task in TAXONOMY.task_names} | {"glaze": np.array(glaze)}
    names = tuple(str(i) for i in range(n))
    return Samples(names, names, (None,) * n, ~made, made, labels)


def test_with_nothing_masked_the_loss_is_torchs_weighted_mean() -> None:
    torch.manual_seed(0)
    logits, labels, weights = torch.randn(16, 5), torch.randint(0, 5, (16,)), torch.rand(5)
    found = masked_cross_entropy(logits, labels, torch.ones(16), weights)
    torch.testing.assert_close(found, functional.cross_entropy(logits, labels, weight=weights))


def test_unknown_labels_and_masked_rows_change_nothing() -> None:
    torch.manual_seed(0)
    logits, labels, weights = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), torch.rand(3)
    known = masked_cross_entropy(logits[:4], labels[:4], torch.ones(4), weights)
    unknown = labels.clone()
    unknown[4:] = UNKNOWN
    torch.testing.assert_close(masked_cross_entropy(logits, unknown, torch.ones(6), weights), known)
    masked = torch.tensor([1.0, 1, 1, 1, 0, 0])
    torch.testing.assert_close(masked_cross_entropy(logits, labels, masked, weights), known)


def test_a_batch_without_a_known_label_costs_nothing_and_has_a_gradient() -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    loss = masked_cross_entropy(logits, torch.full((4,), UNKNOWN), torch.ones(4), torch.ones(3))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_rare_classes_weigh_more_and_absent_ones_nothing() -> None:
    weights = class_weights(samples([0] * 50 + [1] * 2), "glaze", 8, TrainingSettings())
    assert weights[1] > weights[0] > 0
    assert not weights[2:].any()
    assert float(weights.sum()) == pytest.approx(2, abs=1e-4)
    off = class_weights(samples([0, 1]), "glaze", 8, TrainingSettings(class_weight_beta=0))
    assert off.tolist() == [1.0] * 8


def test_balance_can_be_taken_from_real_images_alone() -> None:
    rows = samples([0] * 10 + [1] * 2 + [1] * 8 + [2], synthetic=[False] * 12 + [True] * 9)
    both = class_weights(rows, "glaze", 8, TrainingSettings())
    real = class_weights(rows, "glaze", 8, TrainingSettings(balance_from_real_only=True))
    assert both[0] == pytest.approx(float(both[1]))
    assert real[1] > real[0]
    assert real[2] > 0  # synthetic images alone: still taught


def test_synthetic_images_can_be_masked_per_task() -> None:
    rows = samples([0, 1], synthetic=[False, True])
    settings = TrainingSettings(synthetic_task_weights={"glaze": 0.0})
    assert row_weights(rows, "glaze", settings).tolist() == [1.0, 0.0]
    assert row_weights(rows, "type", settings).tolist() == [1.0, 1.0]


def test_a_task_without_weight_has_no_loss() -> None:
    objective = objective_of(samples([0, 1]), TAXONOMY, TrainingSettings(task_weights={"kiln": 0.0, "type": 3.0}))
    assert dict(objective.task_weights) == {"dynasty": 1.0, "glaze": 2.0, "type": 3.0}


def test_the_sampler_draws_classes_alike_and_unknown_ones_as_often_as_they_are() -> None:
    rows = samples([0] * 8 + [1] * 2 + [UNKNOWN] * 5)
    chances = sampling_weights(rows, TAXONOMY, TrainingSettings(sampler_task="glaze"))
    assert chances is not None
    share = chances / chances.sum()
    assert float(share[:8].sum()) == pytest.approx(1 / 3)
    assert float(share[8:10].sum()) == pytest.approx(1 / 3)
    assert float(share[10:].sum()) == pytest.approx(5 / 15)
    assert sampling_weights(rows, TAXONOMY, TrainingSettings()) is None
