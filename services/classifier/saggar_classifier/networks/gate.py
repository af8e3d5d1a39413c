"""Whether a provider, or a reduced precision, says what the processor says at full precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from saggar.bundle import BundleModel, Golden
from saggar.errors import DataCorruptionError

MOST_APART = 0.02  # of a probability

Float32 = npt.NDArray[np.float32]


def check_time(model: BundleModel, limit_s: float) -> None:
    """DataCorruptionError where one image takes longer than `limit_s` seconds, as an endless loop does."""
    model.run(sample_images(model.card.input_spec.size_px, None)[:1], limit_s)


def check_answers(model: BundleModel, plain: BundleModel, golden: Golden | None) -> None:
    """DataCorruptionError unless `model` gives the probabilities of `plain`, within MOST_APART, on sample images.

    With a golden sample these are it, mirrored, darker, brighter and softer; without, coloured waves.
    """
    images = sample_images(plain.card.input_spec.size_px, golden)
    expected, found = plain.predict(images), model.predict(images)
    for task, probabilities in expected.items():
        apart = float(np.abs(found[task] - probabilities).max())
        if not apart <= MOST_APART:
            raise DataCorruptionError(
                f"{task} is {apart:.3g} of a probability from the processor's at float32 (allowed: {MOST_APART})"
            )


def sample_images(size: int, golden: Golden | None) -> Float32:
    """[8, 3, S, S] prepared images."""
    if golden is None:
        across = np.linspace(0, 1, size, dtype=np.float32)
        waves = [np.sin(np.pi * n * across)[None, :] * np.cos(np.pi * n * across)[:, None] for n in range(1, 9)]
        shapes = np.stack([np.stack([wave, np.roll(wave, size // 3, 0), -wave]) for wave in waves])
        colours = np.array([[(number >> bit) & 1 for bit in range(3)] for number in range(8)]) * 2 - 1
        return np.asarray(shapes + colours[:, :, None, None], np.float32)
    image = golden.image
    soft = (image + np.roll(image, 1, 1) + np.roll(image, 1, 2) + np.roll(image, (1, 1), (1, 2))) / 4
    mirrored = image[:, :, ::-1]
    changed = [image, mirrored, image * 0.8, image + 0.2, soft, mirrored * 0.8, mirrored + 0.2, np.roll(image, 8, 2)]
    return np.stack(changed).astype(np.float32)
