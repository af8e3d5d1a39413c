"""The trainer's settings, beside those that every service has."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field
from saggar.settings import File
from saggar.team.settings import TeamSettings


class TrainerSettings(TeamSettings):
    """What the trainer needs to run."""

    device: str = Field("auto", description="torch device: cpu, cuda, cuda:1; auto takes a GPU if there is one")
    training_precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="numbers that a training step computes with; weights, validation and bundles stay in float32; "
        "auto: bfloat16 on GPUs that have it, float32 on processors",
    )
    queue_limit: int = Field(8, ge=0, le=10_000, description="jobs that may wait while one runs")
    scratch: File = Field(
        None, description="folder for decoded images while a job runs; unset: the system's temporary folder"
    )

    pixel_cache_gib: float = Field(
        4.0,
        ge=0,
        le=1_000_000,
        description="most GiB of decoded images that stay under scratch for later jobs and other trainers; 0: none",
    )

    def thread_count(self) -> int:
        """`threads`, with 0 resolved."""
        return self.threads or os.cpu_count() or 1
