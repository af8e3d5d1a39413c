"""How common a finished network takes the classes to be: the prior that its probabilities carry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import Taxonomy

from saggar_trainer.data.rows import Samples
from saggar_trainer.evidence.calibrating import prevalence_of
from saggar_trainer.fitting.objective import (
    class_sums,
    class_weights,
    log_priors,
    sampling_weights,
    taught_rows,
    taught_tasks,
)

Float64 = npt.NDArray[np.float64]


def carried_priors(
    training: Samples, taxonomy: Taxonomy, settings: TrainingSettings, taus: Mapping[str, float]
) -> dict[str, tuple[float, ...]]:
    """By taught task [C], summing to 1 and never 0; `taus`: what heads were adjusted with after the last epoch.

    From the settings, by what the loss is least at where pictures show nothing:

    - Heads fitted anew, all classes alike, take all for equally common.
    - Others take a class to be as common as it is met: by the sampler's chances (of all tasks that it balances
      together) times weights in the loss, synthetic images included, half as often where they fade, and not at all
      before the end where the last epochs are of photographs alone. Class weights multiply that (Elkan 2001, IJCAI).
    - Logit adjustment divides it by `log_priors` to the power tau (Menon et al. 2021, arXiv:2007.07314).

    It is not measured: how often a network says a class depends as much on how well it tells it from others.
    """
    chances = _chances(training, settings)
    adjustments = log_priors(training, taxonomy, settings)
    priors = {}
    for task in taught_tasks(training, taxonomy, settings):
        classes = len(taxonomy.task(task).classes)
        if _fitted_anew(training, task, settings):
            priors[task] = (1 / classes,) * classes
            continue
        met = np.asarray(prevalence_of(class_sums(training, task, classes, settings, chances=chances)))
        if settings.logit_adjustment == "off":
            weights = class_weights(training, task, classes, settings).double().numpy()
            met = met * np.where(weights > 0, weights, 1.0)  # 0: the class is not met at all
        else:
            met = met / np.exp(_tau(task, settings, taus) * adjustments[task].double().numpy())
        priors[task] = tuple((met / met.sum()).tolist())
    return priors


def _chances(training: Samples, settings: TrainingSettings) -> Float64:
    """[N] how often each row is met, against the others, in the epochs that the weights come from."""
    drawn = sampling_weights(training, settings)
    chances = np.ones(len(training)) if drawn is None else drawn.numpy()
    if settings.real_only_last_epochs > 0 and not training.synthetic.all():
        return np.where(training.synthetic, 0.0, chances)
    return np.where(training.synthetic & (settings.curriculum == "synthetic_fades"), chances / 2, chances)


def _fitted_anew(training: Samples, task: str, settings: TrainingSettings) -> bool:
    if settings.retrain_heads == "none":
        return False
    rows = training.real if settings.retrain_heads == "real" else training.real | training.synthetic
    return settings.validation_teaches_heads or bool((taught_rows(training, task, settings)[rows] > 0).any())


def _tau(task: str, settings: TrainingSettings, taus: Mapping[str, float]) -> float:
    """What was chosen after the last epoch, or what the loss was adjusted with."""
    if task in taus:
        return taus[task]
    if settings.logit_adjustment == "after":
        return 0.0
    return 1.0 if settings.logit_adjustment_tau is None else settings.logit_adjustment_tau
