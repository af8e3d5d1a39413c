"""The training loop.

Every epoch seeds torch's generator from the run's seed and its own number, so a run continued from a
checkpoint draws the same samples, augmentations and dropout as one that was never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from saggar.errors import CancelledError, WrongStateError
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from torch import Tensor, nn

from saggar_trainer.data.pixels import PixelCache, normalise
from saggar_trainer.data.views import view_batches
from saggar_trainer.evidence.metrics import mean_macro_f1, task_metrics
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.listening import EpochScores
from saggar_trainer.model.network import MultiTaskClassifier

LOWEST_LEARNING_RATE = 1e-6  # end of the cosine schedule, as in the authors' code

State = dict[str, Tensor]


@dataclass(frozen=True)
class Examples:
    """N images with their labels and their weights in each task's loss."""

    pixels: PixelCache
    labels: Mapping[str, Tensor]  # task -> int64 [N], UNKNOWN where not known
    row_weights: Mapping[str, Tensor]  # task -> float32 [N]
    sampling_weights: Tensor | None = None  # float64 [N]; None: every row once per epoch

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Snapshot:
    """A run after an epoch: all that is needed to continue it, or, at its end, to use it."""

    history: tuple[EpochScores, ...]
    model: State
    best_model: State
    optimizer: State  # "<parameter number>.<name>" -> tensor


@dataclass(frozen=True)
class StepReport:
    """One optimiser step done, of `steps` in the epoch; `epoch` counts from 1."""

    epoch: int
    step: int
    steps: int
    loss: float


def fit(
    model: MultiTaskClassifier,
    training: Examples,
    validation: Examples,
    objective: Objective,
    spec: InputSpec,
    settings: TrainingSettings,
    *,
    device: torch.device,
    resume: Snapshot | None = None,
    on_step: Callable[[StepReport], None] = lambda _: None,
    on_epoch: Callable[[Snapshot], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = lambda: 0.0,
) -> Snapshot:
    """Train `model` to the last epoch, or until `patience_epochs` epochs have brought no better score.

    Raises CancelledError between batches, and WrongStateError when the loss is not finite.
    """
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = [
        {"params": list(model.backbone.parameters()), "initial_lr": settings.backbone_learning_rate},
        {"params": model.head_parameters(), "initial_lr": settings.head_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.head_learning_rate, weight_decay=settings.weight_decay)
    history: tuple[EpochScores, ...] = ()
    best_model: State = {}
    if resume:
        history, best_model = resume.history, resume.best_model
        model.load_state_dict(resume.model)
        _restore(optimizer, resume.optimizer)
    objective = _on(device, objective)

    for epoch in range(len(history), settings.max_epochs):
        if _epochs_since_best(history) >= settings.patience_epochs:
            break
        started = clock()
        seed = epoch_seed(settings.seed, epoch)
        torch.manual_seed(seed)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(group["initial_lr"], epoch, settings)
        order = _order(training)
        batches = _batches(order, settings.batch_size)
        sums = dict.fromkeys(objective.task_weights, 0.0)
        total = 0.0

        model.train()
        with closing(view_batches(training.pixels.__getitem__, batches, spec.size_px, seed)) as batches_of_views:
            for step, (rows, views) in enumerate(batches_of_views, start=1):
                if cancelled():
                    raise CancelledError(f"training was cancelled in epoch {epoch + 1}, step {step}")
                images = normalise(views.to(device), spec)  # [B, 3, S, S]
                logits, _ = model(images)  # task -> [B, C]
                labels = {task: training.labels[task][rows].to(device) for task in sums}
                weights = {task: training.row_weights[task][rows].to(device) for task in sums}
                losses = objective.losses(logits, labels, weights)
                loss = objective.total(losses)
                _check_finite(loss, losses, epoch + 1, step)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                if settings.gradient_clip_norm > 0:
                    nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip_norm)
                optimizer.step()
                total += float(loss.detach()) * len(rows)
                for task, value in losses.items():
                    sums[task] += float(value.detach()) * len(rows)
                on_step(StepReport(epoch + 1, step, len(batches), float(loss.detach())))

        validation_loss, macro_f1 = _validate(model, validation, objective, spec, settings, device)
        mean = float(np.mean(list(macro_f1.values())))
        best = all(mean > earlier.validation_macro_f1 for earlier in history)
        by_task = {task: value / len(order) for task, value in sums.items()}
        scores = EpochScores(
            epoch=epoch + 1,
            training_loss=total / len(order),
            training_loss_by_task=by_task,
            validation_loss=validation_loss,
            validation_macro_f1=mean,
            validation_macro_f1_by_task=macro_f1,
            best=best,
            seconds=clock() - started,
        )
        history = (*history, scores)
        if best:
            best_model = _copy(model.state_dict())
        on_epoch(Snapshot(history, dict(model.state_dict()), best_model, _flatten(optimizer)))

    return Snapshot(history, dict(model.state_dict()), best_model, _flatten(optimizer))


def best_epoch(history: tuple[EpochScores, ...]) -> EpochScores:
    """The epoch whose weights are kept: the last that bettered all before it."""
    return next(scores for scores in reversed(history) if scores.best)


def learning_rate(initial: float, epoch: int, settings: TrainingSettings) -> float:
    """Rate of the epoch that counts from 0: constant, or a half cosine from `initial` to 1e-6."""
    if not settings.cosine_schedule:
        return initial
    lowest = min(LOWEST_LEARNING_RATE, initial)
    return lowest + (initial - lowest) * (1 + math.cos(math.pi * epoch / settings.max_epochs)) / 2


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of all randomness in one epoch of the run."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))


@torch.no_grad()
def predict(
    model: MultiTaskClassifier, pixels: PixelCache, spec: InputSpec, batch_size: int, device: torch.device
) -> dict[str, Tensor]:
    """Logits per task, [N, C] on the CPU, in evaluation mode; `pixels` must all have the input's size."""
    model.eval()
    parts: dict[str, list[Tensor]] = {task: [] for task in model.tasks}
    for start in range(0, len(pixels), batch_size):
        stop = min(start + batch_size, len(pixels))
        images = torch.stack([pixels[i] for i in range(start, stop)])
        logits, _ = model(normalise(images.to(device), spec))
        for task, values in logits.items():
            parts[task].append(values.cpu())
    return {task: torch.cat(values) for task, values in parts.items()}


def _validate(
    model: MultiTaskClassifier,
    validation: Examples,
    objective: Objective,
    spec: InputSpec,
    settings: TrainingSettings,
    device: torch.device,
) -> tuple[float, dict[str, float]]:
    """Loss, and macro-F1 of every task that has a weight and known validation labels."""
    logits = predict(model, validation.pixels, spec, settings.batch_size, device)
    on_cpu = _on(torch.device("cpu"), objective)
    loss = on_cpu.total(on_cpu.losses(logits, validation.labels, validation.row_weights))
    metrics = {
        task: task_metrics(validation.labels[task].numpy(), logits[task].numpy()) for task in objective.task_weights
    }
    mean_macro_f1(metrics)  # raises when no task can be scored
    return float(loss), {task: m.macro_f1 for task, m in metrics.items() if m is not None}


def _order(training: Examples) -> Tensor:
    """Row numbers of one epoch: a permutation, or as many draws with replacement."""
    if training.sampling_weights is None:
        return torch.randperm(len(training))
    return torch.multinomial(training.sampling_weights, len(training), replacement=True)


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """`order` in batches; a last batch of one joins the one before, for batch normalisation needs two."""
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _epochs_since_best(history: tuple[EpochScores, ...]) -> int:
    return len(history) - best_epoch(history).epoch if history else 0


def _check_finite(loss: Tensor, losses: Mapping[str, Tensor], epoch: int, step: int) -> None:
    if torch.isfinite(loss):
        return
    broken = ", ".join(task for task, value in losses.items() if not torch.isfinite(value)) or "the sum"
    raise WrongStateError(
        f"the loss is not finite in epoch {epoch}, step {step} ({broken}): lower backbone_learning_rate and "
        "head_learning_rate, or set gradient_clip_norm"
    )


def _on(device: torch.device, objective: Objective) -> Objective:
    weights = {task: values.to(device) for task, values in objective.class_weights.items()}
    return Objective(objective.task_weights, weights)


def _copy(state: Mapping[str, Tensor]) -> State:
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def _flatten(optimizer: torch.optim.Optimizer) -> State:
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def _restore(optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in flat.items():
        number, name = key.split(".", 1)
        image_like = value.dim() == 4
        state.setdefault(int(number), {})[name] = (
            value.contiguous(memory_format=torch.channels_last) if image_like else value
        )
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
