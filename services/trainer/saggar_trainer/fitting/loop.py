"""The training loop.

Every epoch seeds torch's generator from the run's seed and its own number, so a run continued from a
checkpoint draws the same samples, augmentations and dropout as one that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from saggar.errors import WrongStateError
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Work
from torch import Tensor, nn

from saggar_trainer.data.pixels import PixelCache, normalise
from saggar_trainer.data.views import Part, ViewSettings, view_batches
from saggar_trainer.evidence.metrics import mean_macro_f1, task_metrics
from saggar_trainer.fitting.course import Epoch, epoch_seed, learning_rate, next_epoch
from saggar_trainer.fitting.drawing import Draws, Turn, turns
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.group import Team
from saggar_trainer.listening import EpochScores
from saggar_trainer.model.averaging import Average
from saggar_trainer.model.network import MultiTaskClassifier
from saggar_trainer.model.synchronised import Batch, synchronised

State = dict[str, Tensor]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Examples:
    """N images with their labels and their weights in each task's loss."""

    pixels: PixelCache
    labels: Mapping[str, Tensor]  # task -> int64 [N], UNKNOWN where not known
    row_weights: Mapping[str, Tensor]  # task -> float32 [N]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Lessons:
    """What is learnt from, what the epoch is chosen by, and the loss."""

    training: Examples
    draws: Draws
    validation: Examples
    objective: Objective
    spec: InputSpec


@dataclass(frozen=True)
class Snapshot:
    """A run after an epoch: all that is needed to continue it, or, at its end, to use it."""

    history: tuple[EpochScores, ...]
    model: State
    best_model: State
    optimizer: State  # "<parameter number>.<name>" -> tensor
    average: State = field(default_factory=dict)  # empty without weight averaging


@dataclass(frozen=True)
class StepReport:
    """One optimiser step done, of `steps` in the epoch; `epoch` counts from 1."""

    epoch: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class Watch:
    """Who follows a run; the defaults do nothing."""

    work: Work = field(default_factory=Work)
    on_step: Callable[[StepReport], None] = lambda _: None
    on_epoch: Callable[[Snapshot], None] = lambda _: None
    clock: Callable[[], float] = lambda: 0.0


def fit(
    model: MultiTaskClassifier,
    lessons: Lessons,
    settings: TrainingSettings,
    *,
    device: torch.device,
    precision: Precision = "float32",
    resume: Snapshot | None = None,
    watch: Watch | None = None,
    team: Team | None = None,
) -> Snapshot:
    """Train `model` to the end of its course, see `saggar_trainer.fitting.course`.

    With bfloat16 the forward pass is computed in it where torch deems that safe; weights, losses, gradients of weights
    and validation stay in float32.

    Each process of a `team` works on its part of every batch, and all come to the same snapshot: a single process's,
    but for rounding. It trains a copy of `model` then.

    Raises CancelledError between batches, and WrongStateError when the loss is not finite.
    """
    run = _Run(model, lessons, settings, device, precision, watch or Watch(), team or Team())
    history: tuple[EpochScores, ...] = ()
    best_model: State = {}
    if resume:
        history, best_model = resume.history, resume.best_model
        run.restore(resume)
    while epoch := next_epoch(history, settings):
        scores = run.epoch(epoch, history)
        history = (*history, scores)
        if scores.best:
            best_model = _copy(run.judged.state_dict())
        run.watch.on_epoch(run.snapshot(history, best_model))
    return run.snapshot(history, best_model)


class _Run:
    """A network, its optimiser and its average, from epoch to epoch."""

    def __init__(
        self,
        model: MultiTaskClassifier,
        lessons: Lessons,
        settings: TrainingSettings,
        device: torch.device,
        precision: Precision,
        watch: Watch,
        team: Team,
    ) -> None:
        self.batch = Batch()
        if team.size > 1:
            model = synchronised(model, team, self.batch, device)
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frozen = settings.backbone_learning_rate == 0
        model.backbone.requires_grad_(not self.frozen)  # frozen: no gradient is worth computing
        groups = [
            {"params": list(model.backbone.parameters()), "initial_lr": settings.backbone_learning_rate},
            {"params": model.head_parameters(), "initial_lr": settings.head_learning_rate},
        ]
        self.model = model
        self.lessons = lessons
        self.settings = settings
        self.device = device
        self.precision = precision
        self.watch = watch
        self.team = team
        self.objective = lessons.objective.on(device)
        self.optimizer = torch.optim.AdamW(
            groups, lr=settings.head_learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.average = None if settings.weight_averaging == "none" else Average(model, settings)

    @property
    def judged(self) -> MultiTaskClassifier:
        """The network that is validated and kept: the average where there is one."""
        return self.model if self.average is None else self.average.model  # type: ignore[return-value]

    def restore(self, resume: Snapshot) -> None:
        self.model.load_state_dict(resume.model)
        _restore(self.optimizer, resume.optimizer)
        if self.average is not None:
            self.average.load(resume.average)

    def snapshot(self, history: tuple[EpochScores, ...], best_model: State) -> Snapshot:
        average: State = {} if self.average is None else dict(self.average.model.state_dict())
        return Snapshot(history, dict(self.model.state_dict()), best_model, _flatten(self.optimizer), average)

    def epoch(self, epoch: Epoch, history: tuple[EpochScores, ...]) -> EpochScores:
        started = self.watch.clock()
        seed = epoch_seed(self.settings.seed, epoch.number)
        torch.manual_seed(seed)
        batches = self.lessons.draws.batches(epoch.synthetic_share)
        total, by_task = self._teach(epoch, batches, seed)
        if self.average is not None:
            self.average.after_epoch(self.model, epoch.place)
        loss, macro_f1 = validate(self.judged, self.lessons, self.settings, self.device, self.team)
        mean = float(np.mean(list(macro_f1.values())))
        rivals = [earlier for earlier in history if earlier.real_only == epoch.real_only]
        return EpochScores(
            epoch=epoch.number + 1,
            training_loss=total,
            training_loss_by_task=by_task,
            validation_loss=loss,
            validation_macro_f1=mean,
            validation_macro_f1_by_task=macro_f1,
            best=all(mean > earlier.validation_macro_f1 for earlier in rivals),
            steps=len(batches),
            real_only=epoch.real_only,
            seconds=self.watch.clock() - started,
        )

    def _teach(self, epoch: Epoch, batches: list[Tensor], seed: int) -> tuple[float, dict[str, float]]:
        """Mean loss over the rows, in all and by task."""
        training, spec = self.lessons.training, self.lessons.spec
        tasks = tuple(self.objective.task_weights)
        taken = turns(batches, self.team, self.settings.mixup, seed)
        sums = torch.zeros(1 + len(tasks), device=self.device, dtype=torch.float64)  # on the device: read once
        self.model.train()
        if self.frozen:  # its batch statistics too
            self.model.backbone.eval()
        views = view_batches(
            training.pixels.__getitem__,
            batches,
            ViewSettings(spec.size_px, self.settings.hue_jitter, self.settings.random_downscale),
            seed,
            self.device,
            None if self.team.size == 1 else [_part(turn, training.pixels) for turn in taken],
        )
        with closing(views):
            for step, (turn, (rows, pixels)) in enumerate(zip(taken, views, strict=True), start=1):
                self._set_rates(epoch.place + (step - 1) / len(batches))
                self.optimizer.zero_grad()
                losses = self._losses(normalise(pixels, spec), turn)
                self.objective.total(losses).backward()  # type: ignore[no-untyped-call]
                losses = self._of_all(losses)
                self.watch.work.stop_if_cancelled(f"training, in epoch {epoch.number + 1}, step {step},")
                loss = self.objective.total(losses)
                value = float(loss)
                if not np.isfinite(value):
                    raise _not_finite(losses, epoch.number + 1, step)
                if self.settings.gradient_clip_norm > 0:
                    nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_clip_norm)
                self.optimizer.step()
                if self.average is not None:
                    self.average.after_step(self.model, epoch.number * len(batches) + step)
                sums += torch.stack([loss, *(losses[task] for task in tasks)]) * len(rows)
                self.watch.on_step(StepReport(epoch.number + 1, step, len(batches), value))
        means = (sums / sum(map(len, batches))).tolist()
        return means[0], dict(zip(tasks, means[1:], strict=True))

    def _set_rates(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(group["initial_lr"], progress, self.settings)

    def _losses(self, images: Tensor, turn: Turn) -> dict[str, Tensor]:
        """Loss by task of this process's rows: the team's add up to the batch's. `images` are at `turn.places`."""
        self.batch.rows = len(turn.rows)
        if turn.partners is None:
            return self._losses_of(self._logits(images), turn.rows, turn.own)
        found = torch.zeros(len(turn.rows), dtype=torch.int64)
        found[turn.places()] = torch.arange(len(images))
        others = images[found[turn.partners[turn.own]].to(images.device)]
        mixed = turn.share * images[: len(turn.own)] + (1 - turn.share) * others
        logits = self._logits(mixed.contiguous(memory_format=torch.channels_last))
        own = self._losses_of(logits, turn.rows, turn.own)
        other = self._losses_of(logits, turn.rows[turn.partners], turn.own)
        return {task: turn.share * own[task] + (1 - turn.share) * other[task] for task in own}

    def _losses_of(self, logits: dict[str, Tensor], rows: Tensor, own: Tensor) -> dict[str, Tensor]:
        """Of logits [P, C] for the places `own` [P] of `rows` [B]."""
        training = self.lessons.training
        labels = {task: training.labels[task][rows] for task in self.objective.task_weights}
        weights = {task: training.row_weights[task][rows] for task in self.objective.task_weights}
        taught = self.objective.taught_weights(labels, weights)
        return self.objective.losses(
            logits,
            {task: values[own] for task, values in labels.items()},
            {task: values[own] for task, values in weights.items()},
            taught,
        )

    def _of_all(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses of the whole batch, without gradient. The weights' gradients are its too then, and where one
        process is to stop, all are.
        """
        parts = [loss.detach() for loss in losses.values()]
        if self.team.size > 1:
            cancelled = self.watch.work.cancelled
            parts.append(torch.full_like(parts[0], float(cancelled.is_set())))
            told = torch.stack(parts)
            gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
            self.team.add_up([told, *gradients])
            if told[-1] > 0:
                cancelled.set()
            parts = list(told[:-1])
        return dict(zip(losses, parts, strict=True))

    def _logits(self, images: Tensor) -> dict[str, Tensor]:
        """Float32 [B, C] by task."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits, _ = self.model(images)
        return {task: values.float() for task, values in logits.items()}


def predict(
    model: MultiTaskClassifier,
    pixels: PixelCache,
    spec: InputSpec,
    batch_size: int,
    device: torch.device,
    team: Team | None = None,
) -> dict[str, Tensor]:
    """Logits per task, [N, C] on the CPU, in evaluation mode; `pixels` must all have the input's size.

    Each process of a `team` computes a part of the batches, and gets all.
    """
    team = team or Team()
    logits = {task: torch.zeros(len(pixels), model.head(task).out_features) for task in model.tasks}
    for rows, values, _ in _passes(model, pixels, spec, batch_size, device, team.part()):
        for task in model.tasks:
            logits[task][rows] = values[task]
    team.add_up(list(logits.values()))
    return logits


def outputs(
    model: MultiTaskClassifier, pixels: PixelCache, spec: InputSpec, batch_size: int, device: torch.device
) -> tuple[dict[str, Tensor], Tensor]:
    """`predict`, and the pooled features [N, F]."""
    passes = list(_passes(model, pixels, spec, batch_size, device, slice(None)))
    logits = {task: torch.cat([values[task] for _, values, _ in passes]) for task in model.tasks}
    return logits, torch.cat([pooled for *_, pooled in passes])


@torch.no_grad()
def _passes(
    model: MultiTaskClassifier, pixels: PixelCache, spec: InputSpec, batch_size: int, device: torch.device, part: slice
) -> Iterator[tuple[slice, dict[str, Tensor], Tensor]]:
    """(rows, logits, pooled features), on the CPU, of those batches that are `part` of all."""
    model.eval()
    for start in range(0, len(pixels), batch_size)[part]:
        rows = range(start, min(start + batch_size, len(pixels)))
        images = torch.stack([pixels[row] for row in rows])
        logits, pooled = model(normalise(images.to(device), spec))
        yield slice(rows.start, rows.stop), {task: values.cpu() for task, values in logits.items()}, pooled.cpu()


def validate(
    model: MultiTaskClassifier,
    lessons: Lessons,
    settings: TrainingSettings,
    device: torch.device,
    team: Team | None = None,
) -> tuple[float, dict[str, float]]:
    """Loss, and macro-F1 of every task that is taught and has known validation labels."""
    validation, objective = lessons.validation, lessons.objective
    logits = predict(model, validation.pixels, lessons.spec, settings.batch_size, device, team)
    loss = objective.total(objective.losses(logits, validation.labels, validation.row_weights))
    metrics = {
        task: task_metrics(validation.labels[task].numpy(), logits[task].numpy()) for task in objective.task_weights
    }
    mean_macro_f1(metrics)  # raises when no task can be scored
    return float(loss), {task: m.macro_f1 for task, m in metrics.items() if m is not None}


def macro_f1_of(
    model: MultiTaskClassifier, lessons: Lessons, settings: TrainingSettings, device: torch.device
) -> dict[str, float]:
    """Validation macro-F1 by task, as `validate` has it."""
    return validate(model, lessons, settings, device)[1]


def _part(turn: Turn, pixels: PixelCache) -> Part:
    return Part(turn.places().numpy(), np.array([pixels.size(row) for row in turn.rows.tolist()]))


def _not_finite(losses: Mapping[str, Tensor], epoch: int, step: int) -> WrongStateError:
    broken = ", ".join(task for task, value in losses.items() if not torch.isfinite(value)) or "the sum"
    return WrongStateError(
        f"the loss is not finite in epoch {epoch}, step {step} ({broken}): lower backbone_learning_rate and "
        "head_learning_rate, or set gradient_clip_norm"
    )


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
