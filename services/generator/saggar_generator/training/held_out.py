"""Photographs that an adapter's training leaves out, and the loss on them.

They are a share of the adapter's own photographs, so of the training split: validation and test photographs
are never looked at. Whole objects are held out, with all their augmented rows, and only where another object
has the same caption: what is rare is always trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from saggar.dataset.record import Record
from saggar.errors import FieldViolation, InvalidInputError

from saggar_generator.training.randomness import generator

LEVELS = 4  # noise levels that each photograph is judged at, spread evenly


def hold_out(rows: Sequence[Record], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the rows to train on, and of those to measure by (one per photograph, none augmented).

    Raises InvalidInputError when no object can be held out.
    """
    numbers_of: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        numbers_of[row.object_id].append(number)
    count = round(share * len(numbers_of)) or 1
    left: dict[str | None, set[str]] = defaultdict(set)  # caption to the objects trained on
    for row in rows:
        left[row.caption].add(row.object_id)
    names = sorted(numbers_of)
    order = torch.randperm(len(names), generator=generator(seed, "held out", 0)).tolist()
    chosen: set[str] = set()
    for name in (names[place] for place in order):
        captions = {rows[number].caption for number in numbers_of[name]}
        measurable = any(rows[number].augmentation_seed is None for number in numbers_of[name])
        if len(chosen) < count and measurable and all(len(left[caption]) > 1 for caption in captions):
            chosen.add(name)
            for caption in captions:
                left[caption].discard(name)
    if not chosen:
        text = (
            f"settings.validation_share is {share:g}, but no photograph can be held out: no two objects have "
            "the same caption; set it to 0"
        )
        raise InvalidInputError(text, (FieldViolation("settings.validation_share", text),))
    kept = [number for number, row in enumerate(rows) if row.object_id not in chosen]
    first_of = {
        row.image: number
        for number, row in reversed(list(enumerate(rows)))
        if row.object_id in chosen and row.augmentation_seed is None
    }
    return kept, sorted(first_of.values())


def noise_for(shape: torch.Size, count: int, levels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise [count * LEVELS, C, h, w] and noise levels [count * LEVELS] out of `levels`: always the same, so
    that losses can be compared from step to step and from training to training.
    """
    noise = [torch.randn(shape, generator=generator(0, "validation", number)) for number in range(count * LEVELS)]
    times = [levels * (2 * place + 1) // (2 * LEVELS) for place in range(LEVELS)]
    return torch.stack(noise), torch.tensor(times * count)
