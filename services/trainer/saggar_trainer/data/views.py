"""Online augmentation: a random view of every training image, made while the step before it is computed.

torchvision's own random transforms draw from torch's one global generator, which dropout draws from too; so
they can't run beside the model and leave a run repeatable. Here a view's numbers come from its own seed,
and torchvision does the arithmetic.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode  # type: ignore[import-untyped]
from torchvision.transforms.v2 import functional as tv  # type: ignore[import-untyped]

BATCHES_AHEAD = 2

_CROP_SCALE = (0.8, 1.0)  # of the area
_CROP_RATIO = (3 / 4, 4 / 3)  # width to height
_ROTATION_DEGREES = 15.0
_TRANSLATION = 0.1  # of the side
_JITTER: tuple[tuple[Callable[..., Image.Image], tuple[float, float]], ...] = (
    (tv.adjust_brightness, (0.8, 1.2)),
    (tv.adjust_contrast, (0.8, 1.2)),
    (tv.adjust_saturation, (0.8, 1.2)),
    (tv.adjust_hue, (-0.1, 0.1)),
)


def random_view(pixels: Tensor, size_px: int, rng: np.random.Generator) -> Tensor:
    """uint8 [3, H, W] to a random view of it, uint8 [3, S, S]: crop, flip, rotation and shift, colours.

    Rotation and shift are one affine step, so that pixels are interpolated once.
    """
    image: Image.Image = Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()))
    left, top, width, height = crop_box(image.width, image.height, rng)
    image = tv.resized_crop(image, top, left, height, width, [size_px, size_px], antialias=True)
    if rng.random() < 0.5:
        image = tv.horizontal_flip(image)
    angle = rng.uniform(-_ROTATION_DEGREES, _ROTATION_DEGREES)
    shift = [round(float(part)) for part in rng.uniform(-_TRANSLATION, _TRANSLATION, 2) * size_px]
    image = tv.affine(
        image, angle=angle, translate=shift, scale=1.0, shear=[0.0], interpolation=InterpolationMode.BILINEAR
    )
    for which in rng.permutation(len(_JITTER)):
        adjust, limits = _JITTER[which]
        image = adjust(image, float(rng.uniform(*limits)))
    return torch.from_numpy(np.array(image, dtype=np.uint8)).permute(2, 0, 1)


def crop_box(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """(left, top, width, height) of a crop of random area and proportions that lies within the image.

    As in torchvision's RandomResizedCrop: the whole, or its middle for very long images, when ten tries fail.
    """
    for _ in range(10):
        area = width * height * rng.uniform(*_CROP_SCALE)
        ratio = math.exp(rng.uniform(*np.log(_CROP_RATIO)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            return int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1)), wide, high
    least, most = _CROP_RATIO
    wide, high = min(width, round(height * most)), min(height, round(width / least))
    return (width - wide) // 2, (height - high) // 2, wide, high


def view_batches(
    load: Callable[[int], Tensor], batches: Sequence[Tensor], size_px: int, seed: int
) -> Generator[tuple[Tensor, Tensor]]:
    """(rows [B], views uint8 [B, 3, S, S]) per batch of row numbers, made ahead in a thread of their own.

    The view at a place of the order depends on `seed` and that place only.
    """

    def make(first: int, rows: Tensor) -> Tensor:
        generators = (np.random.default_rng([seed, first + place]) for place in range(len(rows)))
        return torch.stack(
            [random_view(load(int(row)), size_px, rng) for row, rng in zip(rows, generators, strict=True)]
        )

    starts = np.cumsum([0, *(len(rows) for rows in batches)])
    waiting: deque[tuple[Tensor, Future[Any]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="views") as pool:
        try:
            for first, rows in zip(starts, batches, strict=False):
                waiting.append((rows, pool.submit(make, int(first), rows)))
                if len(waiting) > BATCHES_AHEAD:
                    done, views = waiting.popleft()
                    yield done, views.result()
            for done, views in waiting:
                yield done, views.result()
        finally:
            pool.shutdown(cancel_futures=True)
