"""Heads fitted anew to features of a network that stays as it is: logistic regression of all tasks at once.

What a network learns of synthetic images that photographs do not show sits mostly in its last layer
(arXiv:2405.03243), and balance is best learnt there (Kang et al. 2020, arXiv:1910.09217). The problem is convex: the
same features give the same heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize  # type: ignore[import-untyped]
from torch import Tensor

from saggar_trainer.data.rows import UNKNOWN
from saggar_trainer.evidence.metrics import task_metrics

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4)  # of the squared weights, on features of unit variance; each starts from the last
STEPS = 30  # of L-BFGS for a penalty; 200 change no score (validation .712 after 30, .706 after 200)
SMALLEST_VARIANCE = 1e-3  # of a direction in features of unit variance; what lies below is left out
SMALLEST_SPREAD = 1e-3  # of a feature; below it stands rounding, which a head would make larger than its answers

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Taught:
    """What N rows teach a task."""

    labels: Tensor  # int64 [N], UNKNOWN where not known
    weights: Tensor  # [N], 0: left out
    classes: int

    def balanced(self) -> Tensor:
        """float64 [N] weights that sum to 1, every class with the same say."""
        weights = torch.where(self.labels != UNKNOWN, self.weights.double(), 0.0)
        labels = self.labels.clamp(min=0)
        totals = torch.zeros(self.classes, dtype=torch.float64).index_add_(0, labels, weights)
        balanced = weights / totals.clamp(min=1e-300)[labels]
        return balanced / balanced.sum()


@dataclass(frozen=True)
class Head:
    """A linear layer."""

    weight: Tensor  # float32 [C, F]
    bias: Tensor  # float32 [C]

    def logits(self, features: Tensor) -> Tensor:
        """[N, C] of features [N, F]."""
        return features @ self.weight.T + self.bias


def chosen_heads(
    features: Tensor, tasks: Mapping[str, Taught], held_out: Tensor, truth: Mapping[str, Tensor]
) -> dict[str, tuple[Head, float]]:
    """The head of each task, and its penalty: of PENALTIES the best by macro-F1 on `held_out`.

    Features float32 [N, F] and [M, F]; `truth`: task -> labels [M]. Of equal scores the stronger penalty's wins.
    """
    best: dict[str, tuple[float, Head, float]] = {}
    for penalty, heads in zip(PENALTIES, fitted_heads(features, tasks, PENALTIES), strict=True):
        for task, head in heads.items():
            metrics = task_metrics(truth[task].numpy(), head.logits(held_out).numpy())
            score = metrics.macro_f1 if metrics else 0.0
            if task not in best or score > best[task][0]:
                best[task] = (score, head, penalty)
    return {task: (head, penalty) for task, (_, head, penalty) in best.items()}


def fitted_heads(
    features: Tensor, tasks: Mapping[str, Taught], penalties: Sequence[float]
) -> Iterator[dict[str, Head]]:
    """Heads of all tasks for each of `penalties`, the strongest first; every task must have a row that teaches it.

    The directions of the features' covariance, each at the scale of its curvature, make a problem that L-BFGS solves in
    a few dozen steps; all tasks share one product of matrices a step.
    """
    mean, scale = features.mean(0), features.std(0, correction=0).clamp(min=SMALLEST_SPREAD)
    inputs = (features - mean) / scale
    variance, directions = torch.linalg.eigh((inputs.T @ inputs / len(inputs)).double())
    kept = variance > SMALLEST_VARIANCE
    variance, directions = variance[kept], directions[:, kept].float()
    problem = _Problem(inputs @ directions, variance, tuple(tasks.values()))
    found = np.zeros((len(variance) + 1, problem.columns))
    for penalty in penalties:
        found = problem.solve(penalty, found)
        turned = torch.from_numpy(found).float()  # [K + 1, C of all tasks]
        weight = (directions @ turned[:-1]).T / scale
        bias = turned[-1] - weight @ mean
        yield {
            task: Head(weight[place].clone(), bias[place].clone())
            for task, place in zip(tasks, problem.places, strict=True)
        }


class _Problem:
    """Mean balanced cross-entropy of every task, and penalty / 2 times the squared weights: one function."""

    def __init__(self, inputs: Tensor, variance: Tensor, tasks: Sequence[Taught]) -> None:
        """`inputs` float32 [N, K], without correlation, of `variance` [K]."""
        self._inputs = inputs
        ends = np.cumsum([task.classes for task in tasks]).tolist()
        self.places = [slice(end - task.classes, end) for end, task in zip(ends, tasks, strict=True)]
        self.columns = ends[-1]
        self._labels = [task.labels.clamp(min=0)[:, None] for task in tasks]
        self._weights = [task.balanced().float()[:, None] for task in tasks]
        # The curvature of a softmax over C classes that knows nothing: 1 / C * (1 - 1 / C), along each direction.
        softmax = [(1 - 1 / task.classes) / task.classes for task in tasks for _ in range(task.classes)]
        self._curvature = variance.numpy()[:, None] * np.array(softmax)  # [K, C of all tasks]

    def solve(self, penalty: float, start: Float64) -> Float64:
        """[K + 1, C of all tasks] weights and, last, biases."""
        scale = np.ones_like(start)
        scale[:-1] = 1 / np.sqrt(self._curvature + penalty)

        def function(flat: Float64) -> tuple[float, Float64]:
            value, gradient = self._loss(flat.reshape(start.shape) * scale, penalty)
            return value, (gradient * scale).ravel()

        options = {"maxiter": STEPS, "gtol": 1e-5, "ftol": 1e-7}
        found = minimize(function, (start / scale).ravel(), jac=True, method="L-BFGS-B", options=options)
        solution: Float64 = found.x.reshape(start.shape) * scale
        return solution

    @torch.no_grad()
    def _loss(self, point: Float64, penalty: float) -> tuple[float, Float64]:
        both = torch.from_numpy(point).float()
        slopes = self._inputs @ both[:-1] + both[-1]  # [N, C of all tasks]: logits, then the loss's gradients by them
        loss = penalty * float((point[:-1] ** 2).sum()) / 2
        for place, labels, weights in zip(self.places, self._labels, self._weights, strict=True):
            logs = torch.log_softmax(slopes[:, place], dim=1)
            loss -= float((logs.gather(1, labels) * weights).double().sum())
            slopes[:, place] = logs.exp_().scatter_add_(1, labels, torch.full_like(weights, -1)).mul_(weights)
        gradient = torch.cat([self._inputs.T @ slopes, slopes.sum(0, keepdim=True)]).double().numpy()
        gradient[:-1] += penalty * point[:-1]
        return loss, gradient
