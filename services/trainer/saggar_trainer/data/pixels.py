"""Images decoded once, reduced, and read from local disk, so that no data set has to fit into memory."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from saggar.errors import CancelledError
from saggar.images import RESIZE, InputSpec, border_colour, pad_to_square, preprocess

Pixels = npt.NDArray[np.uint8]

# Training images keep this much more than the input size, so that crops are seldom enlarged.
MARGIN = 1.15
LOOK_AHEAD = 64


class PixelCache:
    """N images, uint8 [3, H, W] of any sizes, in a file without a name that goes with the process.

    It is read, not mapped: a job's resident memory does not grow with its data set, and the system's cache of files
    keeps what there is room for.
    """

    def __init__(self, arrays: Sequence[tuple[int, int, int]], file: IO[bytes]) -> None:
        """`arrays`: offset, height and width of each image in `file`."""
        self.arrays = arrays
        self._file = file
        weakref.finalize(self, file.close)

    def __len__(self) -> int:
        return len(self.arrays)

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of an image."""
        _, height, width = self.arrays[index]
        return width, height

    def __getitem__(self, index: int) -> torch.Tensor:
        offset, height, width = self.arrays[index]
        content = bytearray(3 * height * width)
        os.preadv(self._file.fileno(), [content], offset)
        return torch.frombuffer(content, dtype=torch.uint8).reshape(3, height, width)


def cache_pixels(
    load: Callable[[int], Pixels],
    count: int,
    *,
    scratch: Path | None = None,
    file: IO[bytes] | None = None,
    threads: int = 2,
    progress: Callable[[int], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> PixelCache:
    """Load images 0 to `count` - 1, each uint8 [3, H, W], in `threads` threads, into `file`, or one without a name
    under `scratch`.

    `progress` gets the number done. Raises CancelledError, and whatever `load` raises.
    """
    arrays: list[tuple[int, int, int]] = []
    file = file or tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - PixelCache keeps it open
    with ExitStack() as unless_done, ThreadPoolExecutor(threads) as pool:
        unless_done.callback(file.close)
        for start in range(0, count, LOOK_AHEAD):
            if cancelled():
                raise CancelledError("cancelled while images were being decoded")
            for pixels in pool.map(load, range(start, min(start + LOOK_AHEAD, count))):
                arrays.append((file.tell(), pixels.shape[1], pixels.shape[2]))
                file.write(np.ascontiguousarray(pixels).data)
            progress(len(arrays))
        file.flush()
        unless_done.pop_all()
    return PixelCache(arrays, file)


def training_pixels(image: Image.Image, spec: InputSpec) -> Pixels:
    """uint8 [3, H, W], framed as in evaluation but for the crop, with 1.15 times the input size where the photograph
    has it; never enlarged.
    """
    size = round(spec.size_px * MARGIN)
    if spec.resize == RESIZE["stretch"]:
        side = min(size, *image.size)
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    elif spec.resize == RESIZE["pad"]:
        image = pad_to_square(shrink(image, size, by=max), border_colour(image))
    else:
        image = shrink(image, size)
    pixels: Pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)  # [H, W, 3]
    return pixels.transpose(2, 0, 1)


def evaluation_pixels(image: Image.Image, spec: InputSpec) -> Pixels:
    """uint8 [3, S, S]: the shared evaluation preprocessing with its normalisation undone."""
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (spec.mean, spec.std))
    scaled = preprocess(image, spec) * std + mean  # [3, S, S], 0 to 1
    pixels: Pixels = np.clip(np.rint(scaled * 255), 0, 255).astype(np.uint8)
    return pixels


def shrink(image: Image.Image, side_px: int, by: Callable[[tuple[int, int]], int] = min) -> Image.Image:
    """`image`, reduced until its shorter (`by` max: longer) side has `side_px`; as it is when already smaller."""
    scale = side_px / by(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR)


def normalise(images: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """uint8 [N, 3, S, S] to float32, as `spec` wants it, in the memory layout that convolutions like best."""

    def channels(values: Any) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=images.device)[:, None, None]

    mean, std = np.array(spec.mean), np.array(spec.std)
    scaled = images.to(torch.float32, copy=True).mul_(channels(1 / (255 * std))).sub_(channels(mean / std))  # in place
    return scaled.contiguous(memory_format=torch.channels_last)
