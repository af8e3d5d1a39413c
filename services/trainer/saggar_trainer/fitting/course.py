"""Where a run stands: which epoch comes next, what it draws from, and at what rates it learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from saggar.job_settings.training import TrainingSettings

from saggar_trainer.listening import EpochScores

LOWEST_LEARNING_RATE = 1e-6  # end of the cosine schedule, as in the authors' code


@dataclass(frozen=True)
class Epoch:
    """`number` counts from 0 and names the seed; `place` of `max_epochs` decides the learning rate."""

    number: int
    place: int
    real_only: bool
    synthetic_share: float  # 0 to 1: how likely a synthetic row is, against its chance by the sampler


def next_epoch(history: Sequence[EpochScores], settings: TrainingSettings) -> Epoch | None:
    """The epoch that follows `history`, or None at the end of the run.

    A run ends after `max_epochs`, or when `patience_epochs` have brought no better score. The last
    `real_only_last_epochs` always follow, without synthetic rows: where patience ends the first part early, they
    begin early.
    """
    last = min(settings.real_only_last_epochs, settings.max_epochs)
    first = settings.max_epochs - last
    done = sum(not scores.real_only for scores in history)
    finishing = len(history) - done
    patient = _since_best(history) < settings.patience_epochs
    if finishing == 0 and done < first and patient:
        return Epoch(done, done, real_only=False, synthetic_share=synthetic_share(done, first, settings))
    if finishing < last and (finishing == 0 or patient):
        return Epoch(len(history), first + finishing, real_only=True, synthetic_share=0.0)
    return None


def synthetic_share(epoch: int, epochs: int, settings: TrainingSettings) -> float:
    """1, or with the curriculum `synthetic_fades` a line from 1 in the first of `epochs` to 0 in the last."""
    if settings.curriculum == "none" or epochs < 2:
        return 1.0
    return 1.0 - epoch / (epochs - 1)


def best_epoch(history: Sequence[EpochScores]) -> EpochScores:
    """The epoch whose weights are kept: the last that bettered all before it in its part of the run."""
    return next(scores for scores in reversed(history) if scores.best)


def learning_rate(initial: float, progress: float, settings: TrainingSettings) -> float:
    """Rate at `progress`, in epochs from the start: constant, or a half cosine from `initial` to 1e-6, after a line
    from 0 over the `warm_up_epochs`.
    """
    if progress < settings.warm_up_epochs:
        return initial * max(progress, 1e-3) / settings.warm_up_epochs
    if not settings.cosine_schedule:
        return initial
    lowest = min(LOWEST_LEARNING_RATE, initial)
    whole = math.floor(progress)  # per epoch, as in the authors' code
    return lowest + (initial - lowest) * (1 + math.cos(math.pi * whole / settings.max_epochs)) / 2


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of all randomness in one epoch of the run."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _since_best(history: Sequence[EpochScores]) -> int:
    return len(history) - best_epoch(history).epoch if history else 0
