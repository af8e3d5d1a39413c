"""Which examples are in which batch, when they are of several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from saggar_generator.training.randomness import generator


def bucket_batches(
    buckets: Sequence[torch.Tensor], first: int, count: int, batch_size: int, seed: int
) -> list[torch.Tensor]:
    """Batches number `first` to `first + count - 1` of the endless row of them: numbers of examples [at most
    `batch_size`], all of one bucket. `buckets`: the numbers of each bucket's examples.

    Each epoch goes through all examples once: those of a bucket in an order of the epoch's own, cut to batches, the
    last of which may be smaller, and all batches in an order of its own. What a number gives depends on nothing before.
    """
    per_epoch = sum(-(-len(rows) // batch_size) for rows in buckets)
    epochs: dict[int, list[torch.Tensor]] = {}
    found = []
    for number in range(first, first + count):
        epoch, place = divmod(number, per_epoch)
        if epoch not in epochs:
            epochs[epoch] = _epoch(buckets, epoch, batch_size, seed)
        found.append(epochs[epoch][place])
    return found


def _epoch(buckets: Sequence[torch.Tensor], epoch: int, batch_size: int, seed: int) -> list[torch.Tensor]:
    cut: list[torch.Tensor] = []
    for number, rows in enumerate(buckets):
        order = torch.randperm(len(rows), generator=generator(seed, f"bucket {number} epoch", epoch))
        cut += torch.split(rows[order], batch_size)
    order = torch.randperm(len(cut), generator=generator(seed, "batches of epoch", epoch))
    return [cut[place] for place in order.tolist()]
