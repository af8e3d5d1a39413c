"""Images decoded by several processes, each a part of them, and read by all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from saggar_trainer.data.pixels import PixelCache, Pixels, cache_pixels
from saggar_trainer.group import Team


class SharedPixels(PixelCache):
    """N images of which `parts[i % P]` has number i, of P parts."""

    def __init__(self, parts: Sequence[PixelCache]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._parts[index % len(self._parts)][index // len(self._parts)]

    def size(self, index: int) -> tuple[int, int]:
        return self._parts[index % len(self._parts)].size(index // len(self._parts))


def cache_together(
    load: Callable[[int], Pixels],
    count: int,
    *,
    team: Team,
    folder: Path,
    name: str,
    threads: int = 2,
    progress: Callable[[int], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> PixelCache:
    """What `cache_pixels` does, by `team`: each process loads its part into a file, and reads those of all.

    `folder` is the same for all, and `name` not used there yet; `progress` gets the number done by this process.
    """
    mine = range(count)[team.part()]
    path = folder / f"{name}-{team.rank}"
    own = cache_pixels(
        lambda place: load(mine[place]),
        len(mine),
        file=path.open("x+b"),
        threads=threads,
        progress=progress,
        cancelled=cancelled,
    )
    table = torch.zeros(count, 3, dtype=torch.int64)
    table[team.part()] = torch.tensor(own.arrays, dtype=torch.int64).reshape(len(mine), 3)
    team.add_up([table])
    parts = []
    for rank in range(team.size):
        arrays = [(offset, height, width) for offset, height, width in table[rank :: team.size].tolist()]
        parts.append(PixelCache(arrays, (folder / f"{name}-{rank}").open("rb")))
    team.agree(False)  # all have opened all
    path.unlink()
    return SharedPixels(parts)
