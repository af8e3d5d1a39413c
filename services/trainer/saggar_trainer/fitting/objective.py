"""The loss: class-weighted cross-entropy per task; unknown and masked labels are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from saggar.dataset.balance import effective_number_weights
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import Taxonomy
from torch import Tensor
from torch.nn import functional

from saggar_trainer.data.rows import UNKNOWN, Samples


@dataclass(frozen=True)
class Objective:
    """Weights of tasks and of their classes."""

    task_weights: Mapping[str, float]  # tasks whose weight is above 0
    class_weights: Mapping[str, Tensor]  # task -> [C]

    def losses(
        self, logits: Mapping[str, Tensor], labels: Mapping[str, Tensor], row_weights: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Loss of each task: logits [N, C], labels [N] (UNKNOWN: masked), row weights [N] (0: masked)."""
        return {
            task: masked_cross_entropy(logits[task], labels[task], row_weights[task], self.class_weights[task])
            for task in self.task_weights
        }

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum that is minimised."""
        return torch.stack([self.task_weights[task] * loss for task, loss in losses.items()]).sum()


def masked_cross_entropy(logits: Tensor, labels: Tensor, row_weights: Tensor, class_weights: Tensor) -> Tensor:
    """Mean cross-entropy of the known rows, weighted by row and by class; 0 when no row counts.

    logits [N, C], labels [N], row_weights [N], class_weights [C]. With all row weights 1 this is torch's
    weighted mean with ignore_index=UNKNOWN, except that a batch without a known label gives 0, not NaN.
    """
    each = functional.cross_entropy(logits, labels, reduction="none", ignore_index=UNKNOWN)  # [N]
    weights = row_weights * class_weights[labels.clamp(min=0)] * (labels != UNKNOWN)  # [N]
    return (each * weights).sum() / weights.sum().clamp(min=torch.finfo(each.dtype).tiny)


def objective_of(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> Objective:
    """Task weights from the settings or the taxonomy; class weights from the training rows' counts."""
    weights = {task.name: settings.task_weights.get(task.name, task.weight) for task in taxonomy.tasks}
    weights = {task: weight for task, weight in weights.items() if weight > 0}
    classes = {task: class_weights(training, task, len(taxonomy.task(task).classes), settings) for task in weights}
    return Objective(weights, classes)


def class_weights(training: Samples, task: str, classes: int, settings: TrainingSettings) -> Tensor:
    """[C] effective-number weights, or ones when beta is 0."""
    if settings.class_weight_beta == 0:
        return torch.ones(classes)
    counts = training.counts(task, classes, real_only=settings.balance_from_real_only)
    if settings.balance_from_real_only:
        # A class of synthetic images alone counts as one real image: weight 0 would drop it from the loss.
        counts = np.where((counts == 0) & (training.counts(task, classes) > 0), 1, counts)
    weights = effective_number_weights(counts.tolist(), beta=settings.class_weight_beta, cap=settings.class_weight_cap)
    return torch.tensor(weights, dtype=torch.float32)


def row_weights(samples: Samples, task: str, settings: TrainingSettings) -> Tensor:
    """[N] weight of each row in the loss of `task`: 1, or what the settings give synthetic images."""
    synthetic = settings.synthetic_task_weights.get(task, 1.0)
    return torch.tensor(np.where(samples.synthetic, synthetic, 1.0), dtype=torch.float32)


def sampling_weights(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> Tensor | None:
    """[N] chance, up to a factor, that a row is drawn: 1 / its class's count in the sampler's task.

    Rows whose label is unknown keep their natural share of an epoch. None: the sampler is off.
    """
    task = settings.sampler_task
    if not task:
        return None
    labels = training.labels[task]
    known = labels != UNKNOWN
    if not known.any():
        return torch.ones(len(labels), dtype=torch.float64)
    counts = training.counts(task, len(taxonomy.task(task).classes), real_only=settings.balance_from_real_only)
    chances = 1.0 / np.maximum(counts, 1)[np.maximum(labels, 0)]  # [N]
    chances[~known] = chances[known].mean()
    return torch.tensor(chances, dtype=torch.float64)
