"""The loss: class-weighted, or logit-adjusted, cross-entropy per task; rows that a task does not teach are left out.

A row teaches a task when its label is known and its weight there is above 0. Everything that is counted here, for
class weights, sampler and priors, counts rows by that weight, so synthetic images that are masked in a task leave
it as it would be without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from saggar.dataset.balance import sampler_weights, taught_class_weights
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import Taxonomy
from torch import Tensor
from torch.nn import functional

from saggar_trainer.data.rows import UNKNOWN, Samples

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """Weights of tasks and of their classes, and what training adds to the logits."""

    task_weights: Mapping[str, float]  # tasks that are taught: weight above 0, and labels
    class_weights: Mapping[str, Tensor]  # task -> [C]
    adjustments: Mapping[str, Tensor] = field(default_factory=dict)  # task -> [C], tau * log prior
    label_smoothing: float = 0.0

    def losses(
        self,
        logits: Mapping[str, Tensor],
        labels: Mapping[str, Tensor],
        row_weights: Mapping[str, Tensor],
        taught: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Loss of each task: logits [N, C], labels [N] (UNKNOWN: left out), row weights [N] (0: left out).

        Where the rows are part of a batch, `taught` has its `taught_weights`: the losses of all parts add up to its.
        """
        adjusted = {task: logits[task] + self.adjustments[task] for task in self.adjustments}
        return {
            task: masked_cross_entropy(
                adjusted.get(task, logits[task]),
                labels[task],
                row_weights[task],
                self.class_weights[task],
                label_smoothing=self.label_smoothing,
                taught=None if taught is None else taught[task],
            )
            for task in self.task_weights
        }

    def taught_weights(self, labels: Mapping[str, Tensor], row_weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By task, what the loss of a batch with these labels and row weights [N] is divided by."""
        return {
            task: taught_weight(labels[task], row_weights[task], self.class_weights[task]) for task in self.task_weights
        }

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum that is minimised."""
        return torch.stack([self.task_weights[task] * loss for task, loss in losses.items()]).sum()

    def on(self, device: torch.device) -> Objective:
        """The same with its tensors on `device`."""
        weights = {task: values.to(device) for task, values in self.class_weights.items()}
        adjustments = {task: values.to(device) for task, values in self.adjustments.items()}
        return Objective(self.task_weights, weights, adjustments, self.label_smoothing)


def masked_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    row_weights: Tensor,
    class_weights: Tensor,
    *,
    label_smoothing: float = 0.0,
    taught: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the rows that are taught; 0 when there are none.

    logits [N, C] and class_weights [C] on one device; labels [N] and row_weights [N] there or on the CPU. The sum of
    row weight * class weight * loss, divided by the sum of the taught rows' class weights (`taught`, where these are
    part of a batch): a row of weight 0.1 has a tenth of the say of a whole one, alone in its batch too. With all row
    weights 1 this is torch's weighted mean with ignore_index=UNKNOWN, except that a batch without a taught row gives
    0, not NaN.
    """
    # Selected, not multiplied by 0: rows that are left out then change no bit of the sum, nor of its gradient.
    found = _taught_places(labels, row_weights)
    if len(found) == 0:
        return logits.sum() * 0
    rows = found.to(logits.device)
    targets = labels[found].to(logits.device)
    weights = class_weights[targets]
    each = functional.cross_entropy(logits[rows], targets, reduction="none", label_smoothing=label_smoothing)
    weighed = (each * weights * row_weights[found].to(logits.device)).sum()
    total = weights.sum() if taught is None else taught
    return weighed / total.clamp(min=torch.finfo(each.dtype).tiny)


def taught_weight(labels: Tensor, row_weights: Tensor, class_weights: Tensor) -> Tensor:
    """The sum of the class weights of the rows that are taught, on their device; see `masked_cross_entropy`."""
    targets = labels[_taught_places(labels, row_weights)].to(class_weights.device)
    return class_weights[targets].sum()


def _taught_places(labels: Tensor, row_weights: Tensor) -> Tensor:
    return torch.nonzero((labels != UNKNOWN) & (row_weights > 0)).squeeze(1)


def objective_of(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> Objective:
    """Of the tasks that are taught. With logit adjustment the classes weigh alike, and so do the tasks that
    `task_weights` does not name: the adjustment does what those weights are for.
    """
    adjusted = settings.logit_adjustment != "off"
    tasks = taught_tasks(training, taxonomy, settings)
    weights = {task: task_weight(taxonomy, task, settings) for task in tasks}
    if adjusted:
        weights = {task: settings.task_weights.get(task, 1.0) for task in tasks}
    counts = {task: len(taxonomy.task(task).classes) for task in tasks}
    classes = {
        task: torch.ones(counts[task]) if adjusted else class_weights(training, task, counts[task], settings)
        for task in tasks
    }
    adjustments = {}
    if settings.logit_adjustment == "loss":
        tau = 1.0 if settings.logit_adjustment_tau is None else settings.logit_adjustment_tau
        priors = log_priors(training, taxonomy, settings)
        adjustments = {task: tau * priors[task] for task in tasks}
    return Objective(weights, classes, adjustments, settings.label_smoothing)


def task_weight(taxonomy: Taxonomy, task: str, settings: TrainingSettings) -> float:
    """The settings' weight of `task`, or the taxonomy's."""
    return settings.task_weights.get(task, taxonomy.task(task).weight)


def taught_tasks(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> tuple[str, ...]:
    """Tasks with a weight above 0 and a row that teaches them. Only these are scored and served."""
    return tuple(
        task
        for task in taxonomy.task_names
        if task_weight(taxonomy, task, settings) > 0 and (taught_rows(training, task, settings) > 0).any()
    )


def taught_rows(samples: Samples, task: str, settings: TrainingSettings) -> Float64:
    """[N] weight with which each row teaches `task`; 0 where its label is unknown."""
    known = samples.labels[task] != UNKNOWN
    return np.where(known, row_weights(samples, task, settings).numpy().astype(np.float64), 0.0)


def row_weights(samples: Samples, task: str, settings: TrainingSettings) -> Tensor:
    """[N] weight of each row in the loss of `task`: the manifest's, times the settings' for synthetic images."""
    synthetic = settings.synthetic_loss_weight * settings.synthetic_task_weights.get(task, 1.0)
    return torch.tensor(samples.loss_weights * np.where(samples.synthetic, synthetic, 1.0), dtype=torch.float32)


def class_weights(training: Samples, task: str, classes: int, settings: TrainingSettings) -> Tensor:
    """[C] effective-number weights of the taught rows, or with `balance_from_real_only` of the real ones; ones when
    beta is 0.
    """
    if settings.class_weight_beta == 0:
        return torch.ones(classes)
    counts = class_sums(training, task, classes, settings)
    photographs = class_sums(training, task, classes, settings, rows=~training.synthetic)
    if settings.balance_from_real_only:
        real = class_sums(training, task, classes, settings, rows=training.real)
        counts = np.where(real > 0, real, counts)
    weights = taught_class_weights(counts, photographs, settings.class_weight_beta, settings.class_weight_cap)
    return torch.tensor(weights, dtype=torch.float32)


def sampling_weights(training: Samples, settings: TrainingSettings) -> Tensor | None:
    """[N] chance, up to a factor, that a row is drawn; None: the sampler is off.

    Over the classes of `sampler_task`, or over the combinations of `sampler_tasks`. A row that is not taught in all
    of these tasks keeps its natural share of the draws.
    """
    if settings.sampler == "task" and not settings.sampler_task:
        return None
    over_one = settings.sampler == "task"
    tasks = (settings.sampler_task,) if over_one else settings.sampler_tasks or tuple(training.labels)
    power = 1.0 if over_one else 0.5
    taught = np.minimum.reduce([taught_rows(training, task, settings) for task in tasks])
    ids = np.where(taught > 0, training.combinations(tasks), -1)
    chances = sampler_weights(
        ids,
        training.real if settings.balance_from_real_only else None,
        power=power if settings.sampler_power is None else settings.sampler_power,
        taught=taught,
    )
    return torch.tensor(chances, dtype=torch.float64)


def log_priors(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> dict[str, Tensor]:
    """Per taught task [C] the logarithm of how often a class is met, with the largest 0.

    What is met is what the sampler draws, by weight: where it balances a task already, nothing is left to adjust. A
    class that is never met counts as the commonest, so that adjusting never favours what the network cannot know;
    one of synthetic images only counts as the mean of those with photographs, if that is more.
    """
    drawn = sampling_weights(training, settings)
    chances = np.ones(len(training)) if drawn is None else drawn.numpy()
    priors = {}
    for task in taught_tasks(training, taxonomy, settings):
        classes = len(taxonomy.task(task).classes)
        met = class_sums(training, task, classes, settings, chances=chances)
        photographs = class_sums(training, task, classes, settings, rows=~training.synthetic)
        seen = (met > 0) & (photographs > 0)
        if seen.any():
            met = np.where((met > 0) & ~seen, np.maximum(met, met[seen].mean()), met)
        met = np.where(met > 0, met, met.max())
        priors[task] = torch.tensor(np.log(met / met.max()), dtype=torch.float32)
    return priors


def class_sums(
    training: Samples,
    task: str,
    classes: int,
    settings: TrainingSettings,
    *,
    rows: npt.NDArray[np.bool_] | None = None,
    chances: Float64 | None = None,
) -> Float64:
    """[C] sum of the taught rows' weights, of `rows` alone, times `chances`."""
    weights = taught_rows(training, task, settings)
    if rows is not None:
        weights = weights * rows
    if chances is not None:
        weights = weights * chances
    sums = np.bincount(np.maximum(training.labels[task], 0), weights, minlength=classes)
    return sums.astype(np.float64, copy=False)
