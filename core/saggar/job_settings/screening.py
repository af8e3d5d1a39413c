"""What a generated image must reach to pass the screening."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from saggar.duplicates.search import SURE_BITS
from saggar.job_settings.declared import JobSettings
from saggar.job_settings.reject_reasons import CALIBRATED_REASONS, Reason

MOST_RESAMPLES = 2000  # each costs a matrix product: more would take minutes


Resize = Literal["fidelity", "clean"]


class ExtractorSettings(JobSettings):
    """How features are taken of images by the networks of papers."""

    resize: Resize = Field(
        default="fidelity",
        description="How images are brought to the one size that Inception-v3 or DINOv2 takes: `fidelity` as "
        "torch-fidelity does, bilinear without antialiasing, so that large pictures alias; `clean` as clean-fid does "
        "(Parmar et al. 2022), bicubic with antialiasing and not rounded. Values of the two do not compare. A bundle's "
        "backbone has its classifier's own preparation",
    )


class SetMeasureSettings(JobSettings):
    """How sets of images are measured."""

    kid_resamples: int = Field(
        default=200, ge=1, le=MOST_RESAMPLES, description="Bootstrap resamples behind the confidence interval of KID"
    )


class ScreenSettings(SetMeasureSettings):
    """Settings of one screening."""

    min_side_px: int = Field(default=32, ge=1, le=100_000, description="Smallest accepted side in pixels")
    min_luminance_sd: float = Field(
        default=4.0, ge=0, le=127.5, description="Smallest accepted standard deviation of luminance, on 0 to 255"
    )
    min_entropy_bits: float = Field(
        default=2.0,
        ge=0,
        le=8,
        description="Smallest accepted Shannon entropy of the 256-bin luminance histogram, in bits",
    )
    min_relative_sharpness: float = Field(
        default=0.02,
        ge=0,
        le=1000,
        description="Smallest accepted variance of the Laplacian relative to the reference set's median",
    )
    duplicate_distance_bits: int = Field(
        default=SURE_BITS,
        ge=0,
        le=64,
        description="Largest Hamming distance, of 256 bits, at which two perceptual hashes count as one image, "
        "mirrored or not. Hashes up to 24 bits apart count when the pictures look alike as well; 0 switches both off, "
        "but for equal hashes",
    )
    min_intended_probability: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Smallest accepted probability of the intended class of each task, by the bundle's model together "
        "with colour and outline; 0: report only",
    )
    trimmed_share: float = Field(
        default=0.02,
        ge=0,
        le=0.5,
        description="Share of the reference photographs, the most isolated ones, that is left out before the others' "
        "extremes become the limits of what a picture may measure; more is stricter",
    )
    report_only: tuple[str, ...] = Field(
        default=(),
        description="Reasons (see `ScreenResult.rejected_by_reason`) that are counted and do not reject; `calibrated` "
        "stands for `improbable_class` and all whose limits come from the reference photographs",
    )

    copies_share_labels: bool = Field(
        default=False,
        description="An image is a copy, or a near duplicate, only of one with the same labels, unless all pixels are "
        "equal: for composites, which show a photograph's form and ground with another glaze on purpose",
    )

    @field_validator("report_only")
    @classmethod
    def _known_reasons(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [CALIBRATED_REASONS, *Reason]
        if strange := [name for name in names if name not in known]:
            raise ValueError(f"no reason '{strange[0]}'; known: {', '.join(known)}")
        return names
