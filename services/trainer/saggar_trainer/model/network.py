"""The multi-task classifier: a shared trunk and one linear head per task."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from saggar_trainer.model.backbone import FEATURES

# The authors' second dropout is 0.35 where the first is 0.5.
SECOND_DROPOUT_RATIO = 0.7


class MultiTaskClassifier(nn.Module):
    """Images [N, 3, S, S] to (logits [N, C] per task, pooled backbone features [N, D])."""

    def __init__(
        self,
        backbone: nn.Module,
        classes: Mapping[str, int],
        dropout: float = 0.5,
        projection: bool = True,
        features: int = FEATURES,
        described_by: int | None = None,
    ) -> None:
        """`classes`: how many per task; `features`: how many channels F the backbone's maps have; `described_by`: how
        many of them, D, the features that are given have, the first ones, all by default. New layers start from
        torch's global generator: seed it first.
        """
        super().__init__()
        self.backbone = backbone
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.trunk = _projection(features, dropout) if projection else nn.Dropout(dropout)
        width = 256 if projection else features
        # A bare "type" would collide with nn.Module.type.
        self.heads = nn.ModuleDict({_key(task): nn.Linear(width, count) for task, count in classes.items()})
        self.tasks = tuple(classes)
        self.described_by = described_by or features
        for layer in [*self.trunk.modules(), *self.heads.modules()]:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def shared(self, images: Tensor) -> Tensor:
        """What the heads see: [N, 256], or [N, F] without projection."""
        shared: Tensor = self.trunk(torch.flatten(self.pool(self.backbone(images)), 1))
        return shared

    def head(self, task: str) -> nn.Linear:
        """The last layer of `task`."""
        head = self.heads[_key(task)]
        assert isinstance(head, nn.Linear)  # noqa: S101 - for the type checker
        return head

    def forward(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        return self.answers(self.backbone(images))

    def answers(self, maps: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Logits, of all features, and the first D features of the backbone's maps [N, F, h, w]."""
        features = torch.flatten(self.pool(maps), 1)  # [N, F]
        shared = self.trunk(features)  # [N, 256], or [N, F] without projection
        logits = {task: self.heads[_key(task)](shared) for task in self.tasks}
        return logits, features if self.described_by == features.shape[1] else features[:, : self.described_by]

    def head_parameters(self) -> list[nn.Parameter]:
        """Parameters that learn at the heads' rate: all but the backbone's."""
        return [*self.trunk.parameters(), *self.heads.parameters()]


def _projection(features: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, 512),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Dropout(dropout * SECOND_DROPOUT_RATIO),
    )


def _key(task: str) -> str:
    return f"task_{task}"
