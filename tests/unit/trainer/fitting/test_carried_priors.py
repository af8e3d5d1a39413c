"""The prior that a network's probabilities carry: what the loss is least at where all pictures look alike."""

from typing import Any

import numpy as np
import pytest
import torch
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import load_taxonomy
from saggar_trainer.data.rows import UNKNOWN, Samples
from saggar_trainer.evidence.calibrating import prevalence_of
from saggar_trainer.fitting.completing.carried import carried_priors
from saggar_trainer.fitting.objective import Objective, log_priors, objective_of, row_weights, sampling_weights

TAXONOMY = load_taxonomy("kilnsim")
CLASSES = {task.name: len(task.codes) for task in TAXONOMY.tasks}
PLAIN = {"class_weight_beta": 0}


def samples(synthetic: int = 0) -> Samples:
    """Long-tailed photographs in which glaze and type go together in part, and synthetic images of rare glazes."""
    rng = np.random.default_rng(0)
    n, made = 4000, np.arange(4000 + synthetic) >= 4000
    labels = {task: np.full(len(made), UNKNOWN) for task in TAXONOMY.task_names}
    for task in ("glaze", "type"):
        shares = 0.6 ** np.arange(CLASSES[task])
        labels[task] = rng.choice(CLASSES[task], len(made), p=shares / shares.sum())
    together = rng.random(n) < 0.5
    labels["type"][:n] = np.where(together, labels["glaze"][:n] % CLASSES["type"], labels["type"][:n])
    labels["glaze"][n:] = CLASSES["glaze"] - 1
    names = tuple(str(i) for i in range(len(made)))
    return Samples(names, names, (None,) * len(made), ~made, made, labels, np.ones(len(made)))


def learnt(training: Samples, settings: TrainingSettings, task: str) -> np.ndarray:
    """The probabilities of a network that is nothing but a bias, at the least of its loss over what is drawn."""
    whole = objective_of(training, TAXONOMY, settings)
    objective = Objective({task: 1.0}, whole.class_weights, _of(whole.adjustments, task))
    drawn = sampling_weights(training, settings)
    weights = row_weights(training, task, settings).double() * (1 if drawn is None else drawn)
    bias = torch.zeros(CLASSES[task], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([bias], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-9)
    labels = torch.from_numpy(training.labels[task])

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = {task: bias.expand(len(labels), -1)}
        value = objective.losses(logits, {task: labels}, {task: weights})[task]
        value.backward()
        return value

    optimiser.step(loss)
    return torch.softmax(bias.detach(), 0).numpy()


def _of(adjustments: Any, task: str) -> dict[str, torch.Tensor]:
    return {name: values.double() for name, values in adjustments.items() if name == task}


@pytest.mark.parametrize("task", ["glaze", "type"])
@pytest.mark.parametrize(
    "given",
    [
        PLAIN,
        {},
        {"class_weight_beta": 0.9999, "class_weight_cap": 3},
        {"synthetic_loss_weight": 0.3},
        {"sampler_task": "glaze"},
        PLAIN | {"sampler_task": "glaze", "sampler_power": 0.5},
        PLAIN | {"sampler": "combination", "sampler_tasks": ("glaze", "type")},
        PLAIN | {"sampler": "combination", "balance_from_real_only": True},
        {"logit_adjustment": "loss"},
        {"logit_adjustment": "loss", "logit_adjustment_tau": 0.5},
        {"logit_adjustment": "loss", "sampler": "combination", "sampler_tasks": ("glaze", "type")},
        {"logit_adjustment": "after"},
    ],
)
def test_it_is_what_a_network_learns_that_sees_nothing(given: dict[str, Any], task: str) -> None:
    training, settings = samples(synthetic=300), TrainingSettings(**given)
    prior = carried_priors(training, TAXONOMY, settings, {})[task]
    assert prior == pytest.approx(learnt(training, settings, task), rel=0.06)  # half a row is added to each class


def test_plain_training_carries_the_prevalence() -> None:
    counts = np.bincount(samples().labels["glaze"], minlength=CLASSES["glaze"])
    found = carried_priors(samples(), TAXONOMY, TrainingSettings(**PLAIN), {})
    assert found["glaze"] == pytest.approx(prevalence_of(counts))
    assert set(found) == {"glaze", "type"}


def test_heads_fitted_anew_carry_none() -> None:
    settings = TrainingSettings(retrain_heads="real", logit_adjustment="loss", sampler="combination")
    assert carried_priors(samples(), TAXONOMY, settings, {})["type"] == (1 / CLASSES["type"],) * CLASSES["type"]


def test_heads_that_no_photograph_can_fit_anew_stay_as_they_were() -> None:
    training = samples(synthetic=300)
    training.labels["glaze"][training.real] = UNKNOWN
    settings = TrainingSettings(retrain_heads="real", **PLAIN)
    assert carried_priors(training, TAXONOMY, settings, {})["glaze"][-1] > 0.9
    anew = TrainingSettings(retrain_heads="all", **PLAIN)
    assert len(set(carried_priors(training, TAXONOMY, anew, {})["glaze"])) == 1


def test_what_was_chosen_after_the_last_epoch_is_taken_out() -> None:
    met = np.exp(log_priors(samples(), TAXONOMY, TrainingSettings())["type"].numpy())
    for how in ("loss", "after"):
        settings = TrainingSettings(logit_adjustment=how)
        for tau in (0.0, 0.75, 1.5):
            expected = met ** (1 - tau) / (met ** (1 - tau)).sum()
            found = carried_priors(samples(), TAXONOMY, settings, {"type": tau, "glaze": 0.0})["type"]
            assert found == pytest.approx(expected, rel=0.06)


def test_synthetic_images_that_are_gone_in_the_end_do_not_count() -> None:
    training = samples(synthetic=300)
    rare = {
        name: carried_priors(training, TAXONOMY, TrainingSettings(**PLAIN, **given), {})["glaze"][-1]
        for name, given in {
            "all": {},
            "fades": {"curriculum": "synthetic_fades"},
            "real last": {"real_only_last_epochs": 2},
        }.items()
    }
    alone = carried_priors(samples(), TAXONOMY, TrainingSettings(**PLAIN), {})["glaze"][-1]
    assert rare["all"] > rare["fades"] > rare["real last"]
    assert rare["real last"] == pytest.approx(alone, rel=0.2)
