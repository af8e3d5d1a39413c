"""What follows the last epoch: statistics re-estimated, heads re-trained, the adjustment's tau chosen.

Each is a setting and off by default. None looks at the test split; the validation split chooses tau and the strength
of the heads' regularisation, as it chose the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress, Work
from torch import Tensor, nn

from saggar_trainer.data.pixels import normalise
from saggar_trainer.data.rows import UNKNOWN
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.fitting.completing.heads import Taught, chosen_heads
from saggar_trainer.fitting.course import epoch_seed
from saggar_trainer.fitting.loop import Examples, Lessons, predict
from saggar_trainer.model.network import MultiTaskClassifier

TAUS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
STATISTICS_SEED = 2**62  # an epoch's number that no run reaches


@dataclass(frozen=True)
class Plain:
    """Images of the training split, prepared as in evaluation; decoded when first asked for."""

    statistics: Callable[[], Examples]
    heads: Callable[[], Examples]


@dataclass(frozen=True)
class Finishing:
    """What was chosen, for the card: JSON-ready."""

    chosen: dict[str, Any] = field(default_factory=dict)


def finish(
    model: MultiTaskClassifier,
    lessons: Lessons,
    plain: Plain,
    settings: TrainingSettings,
    *,
    priors: Mapping[str, Tensor],
    device: torch.device,
    work: Work,
) -> Finishing:
    """Change `model`, which has the chosen weights, as `settings` want it.

    `priors`: see `saggar_trainer.fitting.objective.log_priors`.
    """
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    chosen: dict[str, Any] = {}
    if settings.batch_norm == "real" or settings.weight_averaging != "none":
        work.report(Progress("re-estimating batch statistics"))
        examples = plain.statistics()
        reestimate_statistics(model, examples, lessons.spec, settings, device)
        chosen["batch_norm_rows"] = len(examples)
    if settings.retrain_heads != "none" and settings.head_fit == "logistic":
        work.report(Progress("re-training the heads"))
        chosen["head_penalty"] = retrain_heads(model, plain.heads(), lessons, settings, device)
    if settings.logit_adjustment != "off" and settings.retrain_heads == "none":  # re-trained heads are balanced already
        chosen["logit_adjustment_tau"] = adjust_heads(model, lessons, settings, priors, device)
    return Finishing(chosen)


@torch.no_grad()
def reestimate_statistics(
    model: MultiTaskClassifier, examples: Examples, spec: InputSpec, settings: TrainingSettings, device: torch.device
) -> None:
    """Running means and variances of batch normalisation, as the mean over one pass of `examples`."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    torch.manual_seed(epoch_seed(settings.seed, STATISTICS_SEED))
    order = torch.randperm(len(examples))
    batches = [rows for rows in torch.split(order, settings.batch_size) if len(rows) > 1] or [order.repeat(2)[:2]]
    model.train()
    for rows in batches:
        images = torch.stack([examples.pixels[int(row)] for row in rows])
        model.backbone(normalise(images.to(device), spec))
    model.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def retrain_heads(
    model: MultiTaskClassifier, images: Examples, lessons: Lessons, settings: TrainingSettings, device: torch.device
) -> dict[str, float]:
    """Fit every taught task's head anew, on features of `images`, all classes alike.

    The backbone, and the projection where there is one, stay as they are: see
    `saggar_trainer.fitting.completing.heads`. Returns the penalty that the validation split chose for each task.
    """
    features = shared_features(model, images, lessons.spec, settings, device)  # [N, F]
    held_out = shared_features(model, lessons.validation, lessons.spec, settings, device)
    taught = {
        task: Taught(images.labels[task], images.row_weights[task], model.head(task).out_features)
        for task in lessons.objective.task_weights
        if ((images.labels[task] != UNKNOWN) & (images.row_weights[task] > 0)).any()
    }
    penalties = {}
    for task, (head, penalty) in chosen_heads(features, taught, held_out, lessons.validation.labels).items():
        layer = model.head(task)
        with torch.no_grad():
            layer.weight.copy_(head.weight)
            layer.bias.copy_(head.bias)
        penalties[task] = penalty
    return penalties


@torch.no_grad()
def shared_features(
    model: MultiTaskClassifier, examples: Examples, spec: InputSpec, settings: TrainingSettings, device: torch.device
) -> Tensor:
    """float32 [N, F] on the CPU: what the heads see of `examples`, in evaluation mode."""
    model.eval()
    parts = []
    for start in range(0, len(examples), settings.batch_size):
        stop = min(start + settings.batch_size, len(examples))
        images = torch.stack([examples.pixels[row] for row in range(start, stop)])
        parts.append(model.shared(normalise(images.to(device), spec)).cpu())
    return torch.cat(parts)


def adjust_heads(
    model: MultiTaskClassifier,
    lessons: Lessons,
    settings: TrainingSettings,
    priors: Mapping[str, Tensor],
    device: torch.device,
) -> dict[str, float]:
    """Subtract what is left of tau * log prior from every head's bias; returns the tau of each task.

    With `logit_adjustment: loss` the network has been trained with the tau of the settings, or 1: what is subtracted
    is the difference. An unset tau is chosen per task by macro-F1 on validation; the nearest to 1 wins a tie.
    """
    logits = predict(model, lessons.validation.pixels, lessons.spec, settings.batch_size, device)
    given = settings.logit_adjustment_tau
    trained = (1.0 if given is None else given) if settings.logit_adjustment == "loss" else 0.0
    taus = {}
    for task, prior in priors.items():
        candidates: Sequence[float] = TAUS if given is None else (given,)
        truth = lessons.validation.labels[task].numpy()
        scores = []
        for tau in candidates:
            metrics = task_metrics(truth, (logits[task] - (tau - trained) * prior).numpy())
            scores.append((round(metrics.macro_f1, 9) if metrics else 0.0, -abs(tau - 1), tau))
        tau = max(scores)[2]
        with torch.no_grad():
            bias = model.head(task).bias
            bias.sub_(((tau - trained) * prior).to(bias.device))
        taus[task] = float(np.round(tau, 9))
    return taus
