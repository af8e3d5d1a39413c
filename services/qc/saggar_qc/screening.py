"""The rules of screening: one small function each, which says why an image is rejected, or None.

A rejection has a reason, for counting, and a detail, for people. The first rule that rejects an image wins,
in the order of this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Labels, Taxonomy

from saggar_qc.copies import PictureIndex
from saggar_qc.picture import Picture


class Reason(StrEnum):
    """Why an image was rejected."""

    UNDECODABLE = "undecodable"
    TOO_SMALL = "too_small"
    FLAT = "flat"
    LOW_ENTROPY = "low_entropy"
    BLURRED = "blurred"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    TRAINING_COPY = "training_copy"
    IMPROBABLE_CLASS = "improbable_class"


@dataclass(frozen=True)
class Rejection:
    """One image's reason, and what was found in words."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Thresholds:
    """What an image must reach. Defaults are those of the contract (`ScreenSettings` in qc.proto)."""

    min_side_px: int = 32
    min_luminance_sd: float = 4.0  # of 0 to 255
    min_entropy_bits: float = 2.0
    min_relative_sharpness: float = 0.02  # of the reference set's median
    duplicate_distance_bits: int = 0  # of 64
    min_intended_probability: float = 0.0  # 0: report only


def rejects_undecodable(problem: str | None) -> Rejection | None:
    """`problem` is what the decoder said, None when it succeeded."""
    return None if problem is None else Rejection(Reason.UNDECODABLE, problem)


def rejects_size(picture: Picture, thresholds: Thresholds) -> Rejection | None:
    if min(picture.width_px, picture.height_px) >= thresholds.min_side_px:
        return None
    size = f"{picture.width_px} x {picture.height_px} pixels"
    return Rejection(Reason.TOO_SMALL, f"{size}; the shorter side needs {thresholds.min_side_px}")


def rejects_flatness(picture: Picture, thresholds: Thresholds) -> Rejection | None:
    if picture.luminance_sd >= thresholds.min_luminance_sd:
        return None
    found = f"luminance has a standard deviation of {picture.luminance_sd:.2f}"
    return Rejection(Reason.FLAT, f"{found}; at least {thresholds.min_luminance_sd:g} of 255 is needed")


def rejects_entropy(picture: Picture, thresholds: Thresholds) -> Rejection | None:
    if picture.entropy_bits >= thresholds.min_entropy_bits:
        return None
    found = f"luminance has an entropy of {picture.entropy_bits:.2f} bits"
    return Rejection(Reason.LOW_ENTROPY, f"{found}; at least {thresholds.min_entropy_bits:g} are needed")


def rejects_blur(picture: Picture, thresholds: Thresholds, reference_sharpness: float) -> Rejection | None:
    """`reference_sharpness` is the reference set's median; where it is 0 nothing can be said."""
    if reference_sharpness <= 0:
        return None
    relative = picture.sharpness / reference_sharpness
    if relative >= thresholds.min_relative_sharpness:
        return None
    return Rejection(
        Reason.BLURRED,
        f"sharpness is {relative:.4f} of the reference photographs' median; at least "
        f"{thresholds.min_relative_sharpness:g} is needed",
    )


def rejects_duplicate(picture: Picture, thresholds: Thresholds, earlier: PictureIndex) -> Rejection | None:
    """Against the pictures of the same set that came before."""
    if (same := earlier.find_same(picture)) is not None:
        return Rejection(Reason.DUPLICATE, f"same pixels as {same}")
    if (near := earlier.find_near(picture, thresholds.duplicate_distance_bits)) is not None:
        return Rejection(Reason.NEAR_DUPLICATE, f"perceptual hash is {_bits(near[1])} from that of {near[0]}")
    return None


def rejects_training_copy(
    picture: Picture, thresholds: Thresholds, training: PictureIndex
) -> Rejection | None:
    """Against the photographs that the generator learned from."""
    if (same := training.find_same(picture)) is not None:
        return Rejection(Reason.TRAINING_COPY, f"same pixels as training image {same}")
    if (near := training.find_near(picture, thresholds.duplicate_distance_bits)) is not None:
        return Rejection(
            Reason.TRAINING_COPY, f"perceptual hash is {_bits(near[1])} from that of training image {near[0]}"
        )
    return None


def rejects_improbable_class(
    labels: Labels,
    probabilities: Mapping[str, npt.NDArray[np.float32]],
    taxonomy: Taxonomy,
    thresholds: Thresholds,
) -> Rejection | None:
    """By a classifier's probabilities [C] per task; unknown labels and tasks that it lacks are left out."""
    for task, intended in intended_probabilities(labels, probabilities, taxonomy).items():
        if intended >= thresholds.min_intended_probability:
            continue
        values = probabilities[task]
        best = int(values.argmax())
        likelier = taxonomy.task(task).codes[best]
        return Rejection(
            Reason.IMPROBABLE_CLASS,
            f"{task}: intended {labels[task]} has a probability of {intended:.3f} ({likelier} has "
            f"{values[best]:.3f}); at least {thresholds.min_intended_probability:g} is needed",
        )
    return None


def intended_probabilities(
    labels: Labels, probabilities: Mapping[str, npt.NDArray[np.float32]], taxonomy: Taxonomy
) -> dict[str, float]:
    """Probability of the intended class by task, where known. InvalidInputError for an unknown class."""
    return {
        task: float(values[taxonomy.task(task).index(code)])
        for task, values in probabilities.items()
        if (code := labels.get(task)) is not None
    }


def _bits(count: int) -> str:
    return "1 bit" if count == 1 else f"{count} bits"
