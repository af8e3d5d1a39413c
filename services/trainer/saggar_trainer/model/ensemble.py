"""Several networks as one: their maps stand beside each other, and its logits are the mean of theirs.

A head is linear in the pooled features, so the mean of M heads is one head of M times as many features. Heads fitted
anew, export and explanations therefore meet one network, only wider. Novelty and neighbours see the first network's
features alone: what they keep and compute grows with the square and the cube of a feature's width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from saggar.job_settings.training import LARGEST_SEED
from torch import Tensor, nn

from saggar_trainer.model.network import MultiTaskClassifier

_MEMBERS = 0x5A66  # keeps a member's seed apart from those of epochs, which are made of a seed and a number too


class Beside(nn.Module):
    """Images [N, 3, S, S] to the maps of all `members`, [N, F M, h, w]."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([member(images) for member in self.members], dim=1)


def together(networks: Sequence[MultiTaskClassifier]) -> MultiTaskClassifier:
    """One network of networks without projection that answer the same tasks; of one alone, itself."""
    first = networks[0]
    if len(networks) == 1:
        return first
    described_by = first.head(first.tasks[0]).in_features
    features = sum(network.head(first.tasks[0]).in_features for network in networks)
    classes = {task: first.head(task).out_features for task in first.tasks}
    backbone = Beside([network.backbone for network in networks])
    whole = MultiTaskClassifier(backbone, classes, projection=False, features=features, described_by=described_by)
    with torch.no_grad():
        for task in first.tasks:
            heads = [network.head(task) for network in networks]
            whole.head(task).weight.copy_(torch.cat([head.weight for head in heads], dim=1) / len(heads))
            whole.head(task).bias.copy_(torch.stack([head.bias for head in heads]).mean(0))
    return whole


def member_seed(seed: int, member: int) -> int:
    """Seed of an ensemble's member. The first has the run's own; no two runs share any other."""
    if member == 0:
        return seed
    drawn = np.random.SeedSequence([seed, _MEMBERS, member]).generate_state(1, np.uint64)[0]
    return int(drawn) & LARGEST_SEED
