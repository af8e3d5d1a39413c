"""Online augmentation: a random view of every training image, a batch at a time, on the device that trains.

A batch's numbers come from a seed of its own, not from torch's one global generator, which dropout draws from too; so a
run is repeatable. Crop, flip, rotation and shift are one sampling of the picture, and the four changes of colour one
matrix: a pixel is interpolated once and rounded once. The views of a batch are made by a few operations over them all,
before their step and in as many threads as it has: a thread beside the step would have threads of its own, which wait
for its cores while its own wait for theirs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

BATCHES_AHEAD = 2  # that are read from disk

_CROP_SCALE = (0.8, 1.0)  # of the area
_CROP_RATIO = (3 / 4, 4 / 3)  # width to height
_CROP_TRIES = 10
_ROTATION_DEGREES = 15.0
_TRANSLATION = 0.1  # of the side
_JITTER = (0.8, 1.2)  # factor of brightness, contrast and saturation
_CONTRAST = 1  # its place among the changes of colour
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow and torchvision turn colours into grey
_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # NTSC: hue is an angle in its I-Q plane
_FROM_YIQ = np.linalg.inv(_YIQ)
_CPU = torch.device("cpu")
_AT_ONCE = 2**18  # values of pictures that are sampled together: what a core's cache holds

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ViewSettings:
    """Side of a view, how far hues turn (of the colour circle, either way), and the smallest factor of scaling down."""

    size_px: int
    hue: float = 0.1
    downscale: float = 1.0  # 1: off


@dataclass(frozen=True)
class Part:
    """Those of a batch's B pictures of which views are wanted: their `places` [P]; `sizes` [B, 2], widths and heights,
    are those of all.
    """

    places: Int64
    sizes: Int64


def random_views(
    pictures: Sequence[Tensor],
    settings: ViewSettings,
    rng: np.random.Generator,
    device: torch.device = _CPU,
    part: Part | None = None,
) -> Tensor:
    """A random view of each of B pictures, uint8 [3, H, W] of any sizes: crop, flip, rotation and shift, colours.

    Returns float32 [B, 3, S, S] on `device`, whole numbers from 0 to 255. Where rotation and shift look past the crop
    they see the picture around it, and past its edge the edge's colour. With `part`, `pictures` are those at its places
    and their views, [P, 3, S, S], are the ones that they have among all: numbers are drawn for the whole batch.
    """
    if part is None:
        sizes = np.array([(picture.shape[2], picture.shape[1]) for picture in pictures])
        part = Part(np.arange(len(pictures)), sizes)
    places, count = part.places, len(part.sizes)
    if len(places) == 0:
        return torch.empty(0, 3, settings.size_px, settings.size_px, device=device)
    matrix, offset = ways_back(part.sizes, rng)
    first, last = _parts_seen(part.sizes, matrix, offset)
    canvas = _canvas(pictures, places, first, last)
    matrix, offset, first, last = matrix[places], offset[places], first[places], last[places]
    grid = sampling_grid(matrix, offset - first, settings.size_px, (canvas.shape[3], canvas.shape[2]), last - first)
    some = max(torch.get_num_threads(), _AT_ONCE // canvas[0].numel())
    sampled = [
        functional.grid_sample(part.to(device).float(), places.to(device), padding_mode="border", align_corners=False)
        for part, places in zip(torch.split(canvas, some), torch.split(grid, some), strict=True)
    ]
    views = torch.cat(sampled)  # [B, 3, S, S]
    means = np.zeros((count, 3))
    means[places] = views.mean(dim=(2, 3)).cpu().numpy()
    colours, shift = (
        torch.from_numpy(values[places]).float().to(device) for values in colour_changes(means, settings.hue, rng)
    )
    views = torch.baddbmm(shift[:, :, None], colours, views.flatten(2)).view_as(views)
    if settings.downscale < 1:
        scales = rng.uniform(settings.downscale, 1, count)[places]
        for index in np.flatnonzero(rng.random(count)[places] < 0.5):
            views[index] = _scaled_down(views[index], float(scales[index]))
    return views.round_().clamp_(0, 255)


def _parts_seen(sizes: Int64, matrix: Float64, offset: Float64) -> tuple[Int64, Int64]:
    """The first and the last pixel of what each view sees of its picture, [B, 2], x and y."""
    reach = np.abs(matrix).sum(axis=2)  # from a view's middle to its corners
    first = np.floor(np.clip(offset - reach, 0, sizes - 1)).astype(np.int64)
    last = np.ceil(np.clip(offset + reach, 0, sizes - 1)).astype(np.int64)
    return first, last


def _canvas(pictures: Sequence[Tensor], places: Int64, first: Int64, last: Int64) -> Tensor:
    """uint8 [P, 3, H, W] with what each view sees of its picture in its upper left corner; `first`, `last` [B, 2]."""
    wide, high = (last - first).max(axis=0) + 1
    canvas = torch.zeros(len(pictures), 3, int(high), int(wide), dtype=torch.uint8)
    for seen, picture, (left, top), (right, bottom) in zip(canvas, pictures, first[places], last[places], strict=True):
        seen[:, : bottom - top + 1, : right - left + 1] = picture[:, top : bottom + 1, left : right + 1]
    return canvas


def ways_back(sizes: Int64, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """(matrices [B, 2, 2], offsets [B, 2]) from a place in each view, -1 to 1 each way, to its picture's pixels, x and
    y from 0 at the first one's middle. `sizes` [B, 2]: widths and heights.
    """
    count = len(sizes)
    corner, crop = crop_boxes(sizes, rng)
    flip = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    angle = np.radians(rng.uniform(-_ROTATION_DEGREES, _ROTATION_DEGREES, count))
    shift = rng.uniform(-_TRANSLATION, _TRANSLATION, (count, 2, 1)) * 2
    cos, sin = np.cos(angle), np.sin(angle)
    # From the view back to the crop: undo the shift, the rotation, the flip; then from the crop into the picture.
    matrix = np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1) * (crop / 2)[:, :, None]
    matrix[:, 0] *= flip[:, None]
    return matrix, corner + (crop - 1) / 2 - (matrix @ shift)[:, :, 0]


def sampling_grid(matrix: Float64, offset: Float64, size: int, sides: tuple[int, int], last: Int64) -> Tensor:
    """float32 [B, S, S, 2], where every pixel of each view comes from in a canvas of `sides` (width, height) pixels, as
    grid_sample counts: torch's affine_grid at a part of its cost.

    What a column adds and what a row adds, where affine_grid multiplies matrices. `last` [B, 2], x and y: the pixel
    that no place goes past; the first is the canvas's own.
    """

    def counted(pixels: Float64) -> Tensor:  # [B, ...] of one axis, from pixels
        return torch.from_numpy((2 * pixels + 1) / sides[axis] - 1).float()

    middles = (2 * np.arange(size) + 1) / size - 1  # of the view's pixels
    grid = torch.empty(len(matrix), size, size, 2)
    for axis in range(2):
        columns = torch.from_numpy(matrix[:, axis, :1] * middles * (2 / sides[axis])).float()
        rows = counted(matrix[:, axis, 1:] * middles + offset[:, axis, None])
        places = grid[..., axis]
        torch.add(columns[:, None, :], rows[:, :, None], out=places)
        places.clamp_(max=counted(last[:, axis].astype(np.float64))[:, None, None])
    return grid


def colour_changes(means: Float64, hue: float, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """(matrices [B, 3, 3], offsets [B, 3]) that change brightness, contrast, saturation and hue, in random order.

    Each is torchvision's, without the rounding in between: brightness scales, contrast leads to or from the picture's
    mean grey, saturation to or from each pixel's grey; hue turns in the I-Q plane by at most `hue` of the circle.
    `means` [B, 3]: the pictures' mean colours, on which contrast depends.
    """
    count = len(means)
    brightness, contrast, saturation = rng.uniform(*_JITTER, (3, count))[:, :, None, None]
    turn = 2 * math.pi * rng.uniform(-hue, hue, count)
    orders = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)
    turned = np.tile(np.eye(3), (count, 1, 1))
    turned[:, 1, 1] = turned[:, 2, 2] = np.cos(turn)
    turned[:, 2, 1] = np.sin(turn)
    turned[:, 1, 2] = -turned[:, 2, 1]
    grey = np.ones((3, 1)) * _LUMA
    changes = np.stack(
        [
            brightness * np.eye(3),
            contrast * np.eye(3),
            saturation * np.eye(3) + (1 - saturation) * grey,
            _FROM_YIQ @ turned @ _YIQ,
        ],
        axis=1,
    )  # [B, 4, 3, 3]
    matrix, offset = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3, 1))
    for which in orders.T:
        change = changes[np.arange(count), which]
        matrix, offset = change @ matrix, change @ offset
        # The mean before this change is that of the changed picture over the factor.
        lift = (1 - contrast) / contrast * (_LUMA @ (matrix @ means[:, :, None] + offset))[:, None]
        offset += np.where(which == _CONTRAST, 1, 0)[:, None, None] * lift
    return matrix, offset[:, :, 0]


def crop_boxes(sizes: Int64, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """(corners, sizes), [B, 2] each, x and y, of a crop of random area and proportions within each of `sizes` [B, 2].

    As in torchvision's RandomResizedCrop: the whole, or its middle for very long images, when ten tries fail.
    """
    shape = (len(sizes), _CROP_TRIES)
    area = sizes.prod(axis=1, keepdims=True) * rng.uniform(*_CROP_SCALE, shape)
    ratio = np.exp(rng.uniform(math.log(_CROP_RATIO[0]), math.log(_CROP_RATIO[1]), shape))
    tries = np.rint(np.sqrt(np.stack([area * ratio, area / ratio], axis=2))).astype(np.int64)
    fits = ((tries > 0) & (tries <= sizes[:, None])).all(axis=2)
    anywhere = rng.random((len(sizes), 2))
    least, most = _CROP_RATIO
    middle = np.minimum(sizes, np.rint(sizes[:, ::-1] * [most, 1 / least])).astype(np.int64)
    found = fits.any(axis=1, keepdims=True)
    crop = np.where(found, tries[np.arange(len(sizes)), fits.argmax(axis=1)], middle)
    return np.where(found, anywhere * (sizes - crop + 1), (sizes - crop) / 2).astype(np.int64), crop


def _scaled_down(view: Tensor, scale: float) -> Tensor:
    """`view` [3, S, S] as if its picture had been `scale` as large."""
    size = view.shape[-1]
    small = max(1, round(size * scale))
    soft = functional.interpolate(view[None], (small, small), mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(soft, (size, size), mode="bilinear", align_corners=False)[0]


def view_batches(
    load: Callable[[int], Tensor],
    batches: Sequence[Tensor],
    settings: ViewSettings,
    seed: int,
    device: torch.device = _CPU,
    parts: Sequence[Part] | None = None,
) -> Generator[tuple[Tensor, Tensor]]:
    """(rows [B], views float32 [B, 3, S, S] on `device`) per batch of row numbers; pictures are read ahead in a thread.

    The views of a batch depend on its rows, its place and `seed` only. With `parts`, one a batch: theirs.
    """

    def pictures(place: int) -> list[Tensor]:
        rows = batches[place] if parts is None else batches[place][torch.from_numpy(parts[place].places)]
        return [load(int(row)) for row in rows]

    ahead: deque[Future[list[Tensor]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="pictures") as pool:
        try:
            for place in range(len(batches)):
                while len(ahead) <= BATCHES_AHEAD and place + len(ahead) < len(batches):
                    ahead.append(pool.submit(pictures, place + len(ahead)))
                rng, part = np.random.default_rng([seed, place]), None if parts is None else parts[place]
                yield batches[place], random_views(ahead.popleft().result(), settings, rng, device, part)
        finally:
            pool.shutdown(cancel_futures=True)
