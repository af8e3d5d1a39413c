"""Online augmentation: a random view of every training image, made while the step before it is computed.

A view's numbers come from its own seed, not from torch's one global generator, which dropout draws from too; so views
are made beside the model and a run is repeatable. Crop, flip, rotation and shift are one sampling of the picture, and
the four changes of colour one matrix: a pixel is interpolated once and rounded once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

BATCHES_AHEAD = 2

_CROP_SCALE = (0.8, 1.0)  # of the area
_CROP_RATIO = (3 / 4, 4 / 3)  # width to height
_ROTATION_DEGREES = 15.0
_TRANSLATION = 0.1  # of the side
_JITTER = (0.8, 1.2)  # factor of brightness, contrast and saturation
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow and torchvision turn colours into grey
_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # NTSC: hue is an angle in its I-Q plane
_FROM_YIQ = np.linalg.inv(_YIQ)

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ViewSettings:
    """Side of a view, how far hues turn (of the colour circle, either way), and the smallest factor of scaling down."""

    size_px: int
    hue: float = 0.1
    downscale: float = 1.0  # 1: off


def random_view(pixels: Tensor, settings: ViewSettings, rng: np.random.Generator) -> Tensor:
    """uint8 [3, H, W] to a random view of it, uint8 [3, S, S]: crop, flip, rotation and shift, colours.

    Where rotation and shift look past the crop they see the picture around it, and past its edge the edge's colour.
    """
    size = settings.size_px
    height, width = pixels.shape[1:]
    grid = sampling_grid(*_way_back(width, height, rng), size)
    source = pixels.float().unsqueeze(0)
    view = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)[0]  # [3, S, S]
    matrix, offset = colour_change(view.mean(dim=(1, 2)).numpy().astype(np.float64), settings.hue, rng)
    view = torch.addmm(torch.from_numpy(offset).float()[:, None], torch.from_numpy(matrix).float(), view.view(3, -1))
    view = view.view(1, 3, size, size)
    if settings.downscale < 1 and rng.random() < 0.5:
        small = max(1, round(size * rng.uniform(settings.downscale, 1)))
        view = functional.interpolate(view, (small, small), mode="bilinear", antialias=True, align_corners=False)
        view = functional.interpolate(view, (size, size), mode="bilinear", align_corners=False)
    return view[0].round_().clamp_(0, 255).to(torch.uint8)


def _way_back(width: int, height: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """(matrix [2, 2], offset [2]) from a place in the view to one in the picture, both from -1 to 1 each way."""
    left, top, wide, high = crop_box(width, height, rng)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    angle = math.radians(rng.uniform(-_ROTATION_DEGREES, _ROTATION_DEGREES))
    shift = rng.uniform(-_TRANSLATION, _TRANSLATION, 2) * 2
    cos, sin = math.cos(angle), math.sin(angle)
    # From the view back to the crop: undo the shift, the rotation, the flip; then from the crop into the picture.
    turned = np.array([[cos, sin], [-sin, cos]])
    matrix = np.diag([wide / width * flip, high / height]) @ turned
    middle = np.array([(2 * left + wide) / width - 1, (2 * top + high) / height - 1])
    return matrix, middle - matrix @ shift


def sampling_grid(matrix: Float64, offset: Float64, size: int) -> Tensor:
    """float32 [1, S, S, 2], where every pixel of the view comes from: torch's affine_grid at a seventh of its cost.

    What a column adds and what a row adds, where affine_grid multiplies matrices.
    """
    middles = (2 * np.arange(size) + 1) / size - 1  # of the view's pixels
    grid = torch.empty(1, size, size, 2)
    for axis in range(2):
        columns = torch.from_numpy(matrix[axis, 0] * middles + offset[axis]).float()
        rows = torch.from_numpy(matrix[axis, 1] * middles).float()
        torch.add(columns[None, :], rows[:, None], out=grid[0, :, :, axis])
    return grid


def colour_change(mean: Float64, hue: float, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """(matrix [3, 3], offset [3]) that change brightness, contrast, saturation and hue, in random order.

    Each is torchvision's, without the rounding in between: brightness scales, contrast leads to or from the picture's
    mean grey, saturation to or from each pixel's grey; hue turns in the I-Q plane by at most `hue` of the circle.
    `mean` [3]: the mean colour, on which contrast depends.
    """
    brightness, contrast, saturation = rng.uniform(*_JITTER, 3)
    turn = 2 * math.pi * rng.uniform(-hue, hue)
    cos, sin = math.cos(turn), math.sin(turn)
    hue_matrix = _FROM_YIQ @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ _YIQ
    grey = np.ones((3, 1)) * _LUMA
    changes = (
        brightness * np.eye(3),
        contrast * np.eye(3),
        saturation * np.eye(3) + (1 - saturation) * grey,
        hue_matrix,
    )
    matrix, offset = np.eye(3), np.zeros(3)
    for which in rng.permutation(len(changes)):
        matrix, offset = changes[which] @ matrix, changes[which] @ offset
        if which == 1:
            # The mean before this change is that of the changed picture over the factor.
            offset = offset + (1 - contrast) * (_LUMA @ (matrix @ mean + offset) / contrast)
    return matrix, offset


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
    load: Callable[[int], Tensor], batches: Sequence[Tensor], settings: ViewSettings, seed: int
) -> Generator[tuple[Tensor, Tensor]]:
    """(rows [B], views uint8 [B, 3, S, S]) per batch of row numbers, made ahead in a thread of their own.

    The view at a place of the order depends on `seed` and that place only.
    """

    def make(first: int, rows: Tensor) -> Tensor:
        generators = (np.random.default_rng([seed, first + place]) for place in range(len(rows)))
        return torch.stack(
            [random_view(load(int(row)), settings, rng) for row, rng in zip(rows, generators, strict=True)]
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
