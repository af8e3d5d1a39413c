"""Topping up: which images to ask for in place of those that quality control rejected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence

from saggar.dataset.synthetic.plan import PlannedImage, planned_image
from saggar.prompts import NEGATIVE_PROMPT
from saggar.taxonomy import Taxonomy

_LEAST_RATE = 0.25  # of accepted images that is reckoned with; a worse combination is not asked for without end


def top_up(
    taxonomy: Taxonomy,
    planned: Sequence[PlannedImage],
    asked: Sequence[PlannedImage],
    accepted: Collection[str],
    *,
    wanted: int,
    seed: int,
    negative: str = NEGATIVE_PROMPT,
    keep_cracked: bool = False,
) -> tuple[PlannedImage, ...]:
    """Further images, so that about `wanted` are accepted in all; none when they are.

    planned: what was planned at first; a combination's part of it is its part of `wanted`
    asked: what was asked for so far, `planned` and earlier top-ups
    accepted: prompt ids of `asked` that quality control accepted
    seed, negative, keep_cracked: as of the plan

    The numbers of a combination go on where they ended, so the images are those of a larger plan. As many are
    asked for as it takes at the rate at which the combination's images were accepted, but at most four for
    each that is missing.
    """
    shortage = wanted - len(set(accepted))
    if shortage <= 0 or not planned:
        return ()
    parts = Counter(_code(image) for image in planned)
    asked_for = Counter(_code(image) for image in asked)
    passed = Counter(_code(image) for image in asked if image.prompt_id in accepted)
    labels = {_code(image): image.labels for image in planned}
    quotas = _apportioned(wanted, parts)
    missing = {code: quotas[code] - passed[code] for code in parts if quotas[code] > passed[code]}
    further: list[PlannedImage] = []
    for code, count in _apportioned(shortage, missing).items():
        rate = max(_LEAST_RATE, passed[code] / asked_for[code])
        start = asked_for[code]
        further += [
            planned_image(taxonomy, labels[code], number, seed, negative, keep_cracked=keep_cracked)
            for number in range(start, start + math.ceil(count / rate))
        ]
    return tuple(further)


def _code(image: PlannedImage) -> str:
    return image.prompt_id.rpartition(".")[0]


def _apportioned(total: int, parts: dict[str, int]) -> dict[str, int]:
    """`total` in proportion to `parts`, in whole numbers that add up (largest remainders)."""
    whole = sum(parts.values())
    exact = {code: total * part / whole for code, part in parts.items()}
    counts = {code: math.floor(value) for code, value in exact.items()}
    rest = total - sum(counts.values())
    for code in sorted(exact, key=lambda code: (counts[code] - exact[code], code))[:rest]:
        counts[code] += 1
    return counts
