"""The loss: masks, class weights, and the sampler's chances."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset.balance import effective_number_weights
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import load_taxonomy
from saggar_trainer.data.rows import UNKNOWN, Samples
from saggar_trainer.fitting.course import synthetic_share
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.objective import (
    class_weights,
    log_priors,
    masked_cross_entropy,
    objective_of,
    row_weights,
    sampling_weights,
)
from torch.nn import functional

TAXONOMY = load_taxonomy("kilnsim")


def samples(glaze: list[int], synthetic: list[bool] | None = None, weights: list[float] | None = None) -> Samples:
    n = len(glaze)
    made = np.array(synthetic or [False] * n)
    labels = {task: np.full(n, UNKNOWN) for task in TAXONOMY.task_names} | {"glaze": np.array(glaze)}
    names = tuple(str(i) for i in range(n))
    return Samples(names, names, (None,) * n, ~made, made, labels, np.array(weights or [1.0] * n))


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


def test_a_task_without_weight_or_labels_is_not_taught() -> None:
    rows = samples([0, 1])
    everything = {task: np.array([0, 1]) for task in TAXONOMY.task_names}
    labelled = dataclasses.replace(rows, labels=everything)
    settings = TrainingSettings(task_weights={"kiln": 0.0, "type": 3.0})
    assert dict(objective_of(labelled, TAXONOMY, settings).task_weights) == {"dynasty": 1.0, "glaze": 2.0, "type": 3.0}
    assert dict(objective_of(rows, TAXONOMY, settings).task_weights) == {"glaze": 2.0}


def test_the_sampler_draws_classes_alike_and_unknown_ones_as_often_as_they_are() -> None:
    rows = samples([0] * 8 + [1] * 2 + [UNKNOWN] * 5)
    chances = sampling_weights(rows, TrainingSettings(sampler_task="glaze"))
    assert chances is not None
    share = chances / chances.sum()
    assert float(share[:8].sum()) == pytest.approx(1 / 3)
    assert float(share[8:10].sum()) == pytest.approx(1 / 3)
    assert float(share[10:].sum()) == pytest.approx(5 / 15)
    assert sampling_weights(rows, TrainingSettings()) is None


GLAZES = [0] * 30 + [1] * 6 + [2] * 2
MASKED = TrainingSettings(synthetic_task_weights={"glaze": 0.0}, sampler_task="glaze")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"balance_from_real_only": True},
        {"sampler": "combination", "sampler_tasks": ("glaze",)},
        {"logit_adjustment": "loss", "logit_adjustment_tau": 1.0},
    ],
)
def test_with_everything_masked_a_task_is_as_in_the_baseline(changes: dict) -> None:
    """Class weights, draws, priors and loss of the masked task, to the last bit, with 120 synthetic rows in it."""
    settings = MASKED.with_values(**changes)
    baseline = samples(GLAZES)
    arm = samples(GLAZES + [2] * 120, synthetic=[False] * len(GLAZES) + [True] * 120)
    one, other = (objective_of(rows, TAXONOMY, settings) for rows in (baseline, arm))
    assert torch.equal(one.class_weights["glaze"], other.class_weights["glaze"])
    assert one.adjustments.keys() == other.adjustments.keys()
    assert all(torch.equal(one.adjustments[task], other.adjustments[task]) for task in one.adjustments)

    n = len(GLAZES)
    drawn, drawn_in_arm = sampling_weights(baseline, settings), sampling_weights(arm, settings)
    assert torch.equal(drawn / drawn.sum(), drawn_in_arm[:n] / drawn_in_arm[:n].sum())
    assert float(drawn_in_arm[n:].sum() / drawn_in_arm.sum()) == pytest.approx(120 / (n + 120))

    torch.manual_seed(0)
    logits = torch.randn(n + 120, 8)
    losses = [
        objective.losses(
            {"glaze": logits[: len(rows)]},
            {"glaze": torch.from_numpy(rows.labels["glaze"])},
            {"glaze": row_weights(rows, "glaze", settings)},
        )["glaze"]
        for objective, rows in ((one, baseline), (other, arm))
    ]
    assert torch.equal(*losses)


def test_no_gradient_of_a_masked_row_reaches_the_head() -> None:
    """The gradient of a head's weights is the same, bit for bit, whatever the masked rows show."""
    torch.manual_seed(0)
    head = torch.nn.Linear(5, 8)
    rows = samples([0, 1, 2, 1, 0, 3], synthetic=[False, False, True, False, True, True])
    weights = row_weights(rows, "glaze", MASKED)
    objective = objective_of(rows, TAXONOMY, MASKED)
    features = torch.randn(6, 5)
    gradients = []
    for noise in (0.0, 1e6):
        seen = features.clone()
        seen[torch.from_numpy(rows.synthetic)] += noise
        seen.requires_grad_()
        head.zero_grad()
        labels = {"glaze": torch.from_numpy(rows.labels["glaze"])}
        objective.total(objective.losses({"glaze": head(seen)}, labels, {"glaze": weights})).backward()
        gradients.append((head.weight.grad.clone(), head.bias.grad.clone()))
        assert not seen.grad[torch.from_numpy(rows.synthetic)].any()
        assert seen.grad[torch.from_numpy(rows.real)].any()
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_a_lone_row_of_a_small_weight_has_a_small_loss() -> None:
    logits, labels, classes = torch.tensor([[2.0, -1.0]]), torch.tensor([1]), torch.ones(2)
    whole = masked_cross_entropy(logits, labels, torch.ones(1), classes)
    tenth = masked_cross_entropy(logits, labels, torch.tensor([0.1]), classes)
    torch.testing.assert_close(tenth, 0.1 * whole)


def test_a_class_counts_its_taught_rows_by_weight() -> None:
    rows = samples([0] * 10 + [1] * 10, synthetic=[False] * 10 + [True] * 10)
    settings = TrainingSettings(synthetic_loss_weight=0.5)
    photographs = samples([0] * 10 + [1] * 5)
    found = class_weights(rows, "glaze", 8, settings)
    assert found[1] <= 1.0  # synthetic images only: never above the mean
    mixed = samples([0] * 10 + [1] * 12, synthetic=[False] * 12 + [True] * 10, weights=[1.0] * 14 + [0.4] * 8)
    heavy = class_weights(mixed, "glaze", 8, TrainingSettings())
    by_hand = effective_number_weights([10, 2 + 2 + 8 * 0.4])
    assert heavy[:2].tolist() == pytest.approx(by_hand.tolist())
    assert class_weights(photographs, "glaze", 8, settings)[1] > found[1]


def test_a_class_of_synthetic_images_only_never_gets_the_largest_weight() -> None:
    rows = samples([0] * 40 + [1] * 5 + [2] * 2, synthetic=[False] * 45 + [True] * 2)
    for settings in (TrainingSettings(), TrainingSettings(balance_from_real_only=True)):
        weights = class_weights(rows, "glaze", 8, settings)
        assert 0 < weights[2] <= 1 < weights[1]
        adjusted = settings.with_values(logit_adjustment="loss")
        prior = log_priors(rows, TAXONOMY, adjusted)["glaze"]
        assert prior[2] > prior[1]
        assert torch.all(prior[3:] == 0)  # never met: held down as the commonest


def test_real_photographs_alone_decide_how_often_a_class_is_drawn() -> None:
    """Ten photographs of a rare class and 190 synthetic images: its share of the draws stays what it was."""
    rows = samples([0] * 90 + [1] * 10 + [1] * 190, synthetic=[False] * 100 + [True] * 190)
    chances = sampling_weights(rows, TrainingSettings(sampler_task="glaze", balance_from_real_only=True))
    assert float(chances[90:].sum() / chances.sum()) == pytest.approx(0.5)
    by_root = TrainingSettings(sampler_task="glaze", sampler_power=0.5, balance_from_real_only=True)
    chances = sampling_weights(rows, by_root)
    alone = sampling_weights(samples([0] * 90 + [1] * 10), by_root)
    assert float(chances[90:].sum() / chances.sum()) == pytest.approx(float(alone[90:].sum() / alone.sum()))


def test_the_combination_sampler_balances_pairs() -> None:
    n = 44
    labels = {task: np.zeros(n, dtype=np.int64) for task in TAXONOMY.task_names}
    labels |= {"glaze": np.array([0] * 40 + [1] * 4), "type": np.array([0] * 38 + [1] * 2 + [0] * 4)}
    rows = dataclasses.replace(samples([0] * n), labels=labels)
    groups = [slice(0, 38), slice(38, 40), slice(40, 44)]
    alike = TrainingSettings(sampler="combination", sampler_tasks=("glaze", "type"), sampler_power=1)
    chances = sampling_weights(rows, alike)
    assert [float(chances[g].sum() / chances.sum()) for g in groups] == pytest.approx([1 / 3] * 3)
    papers = sampling_weights(rows, TrainingSettings(sampler="combination", sampler_tasks=("glaze", "type")))
    roots = np.sqrt([38, 2, 4])
    assert [float(papers[g].sum() / papers.sum()) for g in groups] == pytest.approx((roots / roots.sum()).tolist())
    # where the sampler has balanced a task, logit adjustment has nothing left to do
    over_glaze = TrainingSettings(sampler_task="glaze", logit_adjustment="loss")
    assert log_priors(rows, TAXONOMY, over_glaze)["glaze"][:2].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert log_priors(rows, TAXONOMY, TrainingSettings(logit_adjustment="loss"))["glaze"][1] == pytest.approx(
        np.log(4 / 40)
    )


def test_logit_adjustment_stands_in_for_class_and_task_weights() -> None:
    rows = samples(GLAZES)
    objective = objective_of(rows, TAXONOMY, TrainingSettings(logit_adjustment="loss"))
    assert dict(objective.task_weights) == {"glaze": 1.0}
    assert torch.equal(objective.class_weights["glaze"], torch.ones(8))
    logits = torch.randn(38, 8)
    labels = torch.from_numpy(rows.labels["glaze"])
    found = objective.losses({"glaze": logits}, {"glaze": labels}, {"glaze": torch.ones(38)})["glaze"]
    prior = torch.tensor([30.0, 6, 2, 30, 30, 30, 30, 30]) / 30
    torch.testing.assert_close(found, functional.cross_entropy(logits + prior.log(), labels))


@given(st.integers(1, 60), st.integers(2, 9), st.integers(0, 6), st.integers(0, 2**31))
@examples(50)
def test_batches_have_the_size_and_number_asked_for(rows: int, batch: int, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    made = Draws(rows, batch, steps=steps).batches()
    drawn = torch.cat(made)
    counts = torch.bincount(drawn, minlength=rows)
    assert int(counts.max() - counts.min()) <= 1
    if steps:
        assert [len(one) for one in made] == [batch] * steps
    else:
        assert len(drawn) == rows


def test_batches_can_mix_combinations() -> None:
    torch.manual_seed(0)
    ids = torch.tensor([0] * 64 + [1] * 16 + [2] * 8)
    spread = Draws(88, 11, combinations=ids).batches()
    assert sorted(torch.cat(spread).tolist()) == list(range(88))
    for batch in spread:
        assert 7 <= int((ids[batch] == 0).sum()) <= 9
        assert 1 <= int((ids[batch] == 2).sum()) <= 2
    assert torch.cat(spread).tolist() != torch.cat(Draws(88, 11, combinations=ids).batches()).tolist()


def test_synthetic_rows_fade_out_of_the_draws() -> None:
    torch.manual_seed(0)
    draws = Draws(200, 50, synthetic=torch.arange(200) >= 100, steps=40)
    shares = [float((torch.cat(draws.batches(share)) >= 100).float().mean()) for share in (1.0, 0.5, 0.0)]
    assert shares == pytest.approx([0.5, 1 / 3, 0], abs=0.03)
    fading = TrainingSettings(curriculum="synthetic_fades")
    assert [synthetic_share(epoch, 5, fading) for epoch in range(5)] == [1, 0.75, 0.5, 0.25, 0]
