"""The sizes of buckets, and which of them a photograph goes to.

As NovelAI's and kohya's trainers do: every bucket has about the pixels of the square, so that a step costs the same
whichever it is of, and a photograph goes to the one whose proportions are nearest, so that little of it is cut off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

Size = tuple[int, int]  # width and height in pixels

LARGEST_RATIO = 2  # of the longer to the shorter side; what is longer is cut to it
_PARTS = 16  # of the square's side: the step from bucket to bucket, where the autoencoder's factor allows


def bucket_sizes(side_px: int, factor: int) -> tuple[Size, ...]:
    """From the tallest to the widest, the square of `side_px` among them. Sides are multiples of `factor`, as `side_px`
    is.
    """
    step = max(factor, side_px // _PARTS // factor * factor)
    wide, width = [(side_px, side_px)], side_px + step
    while width <= LARGEST_RATIO * (height := _multiple(side_px**2 / width, factor)):
        wide.append((width, height))
        width += step
    tall = [(height, width) for width, height in wide[:0:-1]]
    return (*tall, *wide)


def nearest_bucket(size: Size, buckets: tuple[Size, ...]) -> Size:
    """The bucket whose proportions are nearest to those of a picture of `size`: by their ratio, as 2:3 is as far from
    1:1 as 3:2 is.
    """
    ratio = math.log(size[0] / size[1])
    return min(buckets, key=lambda bucket: abs(math.log(bucket[0] / bucket[1]) - ratio))


def in_words(counts: Mapping[Size, int], batch_size: int) -> str:
    """How many photographs each bucket holds, and which of them hold fewer than a batch."""
    listed = ", ".join(f"{width}x{height}: {count}" for (width, height), count in sorted(counts.items()))
    small = sum(count < batch_size for count in counts.values())
    if not small:
        return f"photographs by bucket: {listed}"
    return (
        f"photographs by bucket: {listed}; {small} of {len(counts)} hold fewer than batch_size ({batch_size}): their "
        "batches are smaller"
    )


def _multiple(length: float, factor: int) -> int:
    return max(1, round(length / factor)) * factor
