"""How a review by people is held."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from saggar.job_settings.declared import JobSettings


class ReviewTerms(JobSettings):
    """What holds whichever images are shown."""

    sample_size: int = Field(default=100, ge=1, le=1_000_000, description="Images of a sample, with policy `sample`")
    least_pass_rate: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Pass rate of the set, by the lower end of the sample's 95 % interval, below which the whole set "
        "is rejected",
    )
    double_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of the images that two people judge without seeing each other's verdict",
    )
    controls: int = Field(
        default=10,
        ge=0,
        le=10_000,
        description="Control images of each kind: photographs with their labels, and photographs with one wrong label",
    )
    maskable_tasks: tuple[str, ...] = Field(
        default=("glaze",),
        description="Tasks whose label becomes unknown when it alone is judged wrong, instead of rejecting the image",
    )
    leave_out_unreliable: bool = Field(
        default=False,
        description="Whether verdicts of reviewers who fail controls, or judge faster than anybody can look, do not "
        "count; such a reviewer gets no more images",
    )
    guidelines: str = Field(
        default="",
        max_length=20_000,
        description="How to judge, a line each; shown in place of the pages' own guidelines",
    )


class ReviewSettings(ReviewTerms):
    """Settings of one review."""

    policy: Literal["sample", "all"] = Field(
        default="all",
        description="`all`: every image is shown; `sample`: some of each combination, and their pass rates decide for "
        "each and for the set",
    )
