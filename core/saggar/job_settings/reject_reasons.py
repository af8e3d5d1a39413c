"""Why a generated image can be rejected by screening; what each rule looks at is in docs/screening.md."""

from __future__ import annotations

from enum import StrEnum

CALIBRATED_REASONS = "calibrated"  # stands for all whose limits the real photographs set


class Reason(StrEnum):
    """In the order in which they are reported, where an image has several."""

    UNDECODABLE = "undecodable"
    TOO_SMALL = "too_small"
    WRONG_SIZE = "wrong_size"
    TRANSPARENT = "transparent"
    FLAT = "flat"
    LOW_ENTROPY = "low_entropy"
    IMPLAUSIBLE = "implausible_combination"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    TRAINING_COPY = "training_copy"
    BLURRED = "blurred"
    NOISY = "noisy"
    COMPRESSED = "compressed"
    EXPOSURE = "exposure"
    COLOUR = "colour"
    NO_OBJECT = "no_object"
    CUT_OFF = "cut_off"
    OFF_CENTRE = "off_centre"
    SEVERAL_OBJECTS = "several_objects"
    FRAME = "frame"
    SEAM = "seam"
    LETTERING = "lettering"
    UPSIDE_DOWN = "upside_down"
    UNFAMILIAR = "unfamiliar"
    IMPROBABLE_CLASS = "improbable_class"
