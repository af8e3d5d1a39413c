"""Everything that a training run can be told, with the paper's values as defaults."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from saggar.errors import FieldViolation, InvalidInputError
from saggar.taxonomy import Taxonomy

InitialWeights = Literal["imagenet", "file", "random"]

ARCHITECTURES = ("mobilenet_v3_large", "mobilenet_v3_large_minimalistic")
SMALLEST_IMAGE_PX, LARGEST_IMAGE_PX = 32, 1024


@dataclass(frozen=True)
class Hyperparameters:
    """Settings of one training run; raises InvalidInputError, naming every bad field, at construction."""

    architecture: str = "mobilenet_v3_large"
    initial_weights: InitialWeights = "imagenet"
    # A safetensors file on the trainer's machine, for initial_weights "file".
    initial_weights_path: str = ""
    # Side of the square input.
    image_size_px: int = 224
    batch_size: int = 64
    max_epochs: int = 50
    # Epochs without a better validation score before training stops.
    patience_epochs: int = 10
    backbone_learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    dropout: float = 0.5
    # Largest gradient norm; 0 turns clipping off.
    gradient_clip_norm: float = 1.0
    # Beta of effective-number class weights (Cui et al. 2019, doi:10.1109/CVPR.2019.00949); 0 turns them off.
    class_weight_beta: float = 0.999
    class_weight_cap: float = 10.0
    # Task whose classes the weighted sampler balances; empty turns it off.
    sampler_task: str = ""
    # Loss weight per task; a task that is not named takes the taxonomy's.
    task_weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    # Linear 512 - ReLU - Dropout - Linear 256 - ReLU - Dropout before the heads, as in the authors' code.
    projection: bool = True
    # Cosine schedule of the learning rates, per epoch, down to 1e-6.
    cosine_schedule: bool = True
    # Class weights and sampler count real images only.
    balance_from_real_only: bool = False
    # Weight of synthetic images in a task's loss: 0 masks the task; a task that is not named takes 1.
    synthetic_task_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _refuse(list(self._violations()))

    def check_tasks(self, taxonomy: Taxonomy) -> None:
        """Raises InvalidInputError when a setting names an unknown task, or no task has any weight."""
        known = ", ".join(taxonomy.task_names)
        named = [("sampler_task", self.sampler_task)] if self.sampler_task else []
        named += [("task_weights", task) for task in self.task_weights]
        named += [("synthetic_task_weights", task) for task in self.synthetic_task_weights]
        wrong = [
            FieldViolation(f"settings.{setting}", f"no task '{task}' in taxonomy {taxonomy.id}; known: {known}")
            for setting, task in named
            if task not in taxonomy.task_names
        ]
        if not any(self.task_weights.get(task.name, task.weight) > 0 for task in taxonomy.tasks):
            wrong.append(FieldViolation("settings.task_weights", "all are 0; give at least one task a weight"))
        _refuse(wrong)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in the order of the fields."""
        return asdict(self)

    def _violations(self) -> Iterator[FieldViolation]:
        def check(name: str, holds: bool, bounds: str) -> Iterator[FieldViolation]:
            if not holds:
                yield FieldViolation(f"settings.{name}", f"is {getattr(self, name)!r}; must be {bounds}")

        known = " or ".join(ARCHITECTURES)
        yield from check("architecture", self.architecture in ARCHITECTURES, known)
        in_range = SMALLEST_IMAGE_PX <= self.image_size_px <= LARGEST_IMAGE_PX
        yield from check("image_size_px", in_range, f"{SMALLEST_IMAGE_PX} to {LARGEST_IMAGE_PX}")
        yield from check("batch_size", self.batch_size >= 2, "2 or more (batch normalisation needs two)")
        yield from check("max_epochs", self.max_epochs >= 1, "1 or more")
        yield from check("patience_epochs", self.patience_epochs >= 1, "1 or more")
        for rate in ("backbone_learning_rate", "head_learning_rate", "weight_decay", "gradient_clip_norm"):
            value = getattr(self, rate)
            yield from check(rate, math.isfinite(value) and value >= 0, "finite and not negative")
        yield from check("dropout", 0 <= self.dropout < 1, "at least 0 and below 1")
        yield from check("class_weight_beta", 0 <= self.class_weight_beta < 1, "at least 0 and below 1")
        yield from check("class_weight_cap", self.class_weight_cap >= 1, "1 or more")
        yield from check("seed", 0 <= self.seed < 2**63, "0 to 2^63 - 1")
        positive = all(math.isfinite(w) and w >= 0 for w in self.task_weights.values())
        yield from check("task_weights", positive, "finite and not negative")
        shares = all(0 <= w <= 1 for w in self.synthetic_task_weights.values())
        yield from check("synthetic_task_weights", shares, "0 to 1")
        if self.initial_weights == "file" and not self.initial_weights_path:
            yield FieldViolation("settings.initial_weights_path", "is empty; name a .safetensors file")
        if self.initial_weights == "imagenet" and self.architecture == "mobilenet_v3_large_minimalistic":
            yield FieldViolation(
                "settings.initial_weights",
                "torchvision has no ImageNet weights of mobilenet_v3_large_minimalistic; "
                "use `file` with a path, or `random`",
            )


def _refuse(violations: list[FieldViolation]) -> None:
    if violations:
        text = "; ".join(f"{v.field} {v.description}" for v in violations)
        raise InvalidInputError(f"bad training settings: {text}", tuple(violations))
