"""Which rows an epoch takes, in which batches, and what of these each process of a team does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saggar_trainer.group import Team


@dataclass(frozen=True)
class Draws:
    """How rows are drawn. All randomness comes from torch's global generator: seed it per epoch."""

    rows: int
    batch_size: int
    chances: Tensor | None = None  # float64 [N]; None: without replacement
    synthetic: Tensor | None = None  # bool [N]; None: no row is
    combinations: Tensor | None = None  # int64 [N]: batches mix these; None: as they come
    steps: int = 0  # batches per epoch; 0: as many as the rows fill once

    def batches(self, synthetic_share: float = 1.0) -> list[Tensor]:
        """Row numbers of one epoch's batches; a synthetic row is `synthetic_share` times as likely as by `chances`.

        A last batch of one joins the one before, for batch normalisation needs two.
        """
        order = self._order(synthetic_share)
        if self.combinations is not None:
            order = mixed(order, self.combinations)
        batches = list(torch.split(order, self.batch_size))
        if len(batches) > 1 and len(batches[-1]) == 1:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def _order(self, synthetic_share: float) -> Tensor:
        eligible = torch.arange(self.rows)
        chances = self.chances
        if self.synthetic is not None and synthetic_share < 1:
            if synthetic_share == 0 and not self.synthetic.all():
                eligible = torch.nonzero(~self.synthetic).squeeze(1)
                chances = None if chances is None else chances[eligible]
            elif synthetic_share > 0:
                even = torch.ones(self.rows, dtype=torch.float64)
                chances = (even if chances is None else chances) * torch.where(self.synthetic, synthetic_share, 1.0)
        count = self.steps * self.batch_size or len(eligible)
        if chances is not None:
            return eligible[torch.multinomial(chances, count, replacement=True)]
        rounds = -(-count // len(eligible))
        return eligible[torch.cat([torch.randperm(len(eligible)) for _ in range(rounds)])[:count]]


def mixed(order: Tensor, combinations: Tensor) -> Tensor:
    """`order` with every combination's rows spread evenly over it, so that each batch sees many."""
    ids = torch.unique(combinations[order], return_inverse=True)[1]
    sizes = torch.bincount(ids)
    sorting = torch.argsort(ids, stable=True)
    starts = torch.cumsum(sizes, 0) - sizes
    place = torch.empty_like(ids)
    place[sorting] = torch.arange(len(ids)) - starts[ids[sorting]]  # rank of a row within its combination
    offsets = torch.rand(len(sizes), dtype=torch.float64)
    return order[torch.argsort((place + offsets[ids]) / sizes[ids], stable=True)]


@dataclass(frozen=True)
class Turn:
    """A batch, and what of it one process of a team works on. With `partners` each picture is mixed with its partner:
    `share` of the one and 1 - `share` of the other.
    """

    rows: Tensor  # int64 [B] of the whole batch
    own: Tensor  # int64 [P] places in it
    share: float = 1.0
    partners: Tensor | None = None  # int64 [B] places

    def places(self) -> Tensor:
        """Where the pictures are that this process needs: its own, then those of their partners that it lacks."""
        if self.partners is None:
            return self.own
        lacking = torch.ones(len(self.rows), dtype=torch.bool)
        lacking[self.own] = False
        needed = torch.zeros_like(lacking)
        needed[self.partners[self.own]] = True
        return torch.cat([self.own, torch.nonzero(lacking & needed).squeeze(1)])


def turns(batches: Sequence[Tensor], team: Team, mixup: float, seed: int) -> list[Turn]:
    """What a process of `team` does of each of an epoch's batches; the pairs of mixup are those of the whole batch.

    Zhang et al. 2018, arXiv:1710.09412: a batch and its permutation, mixed by Beta(mixup, mixup).
    """
    made = []
    for step, rows in enumerate(batches, start=1):
        own = torch.arange(len(rows))[team.part()]
        if mixup == 0:
            made.append(Turn(rows, own))
            continue
        rng = np.random.default_rng([seed, step])
        share = float(rng.beta(mixup, mixup))
        made.append(Turn(rows, own, share, torch.from_numpy(rng.permutation(len(rows)))))
    return made
