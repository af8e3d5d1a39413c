"""The setting of every service that can train with several processes."""

from __future__ import annotations

from pydantic import Field

from saggar.settings import ServiceSettings


class TeamSettings(ServiceSettings):
    threads: int = Field(default=0, ge=0, le=1024, description="threads of the arithmetic on a CPU; 0: one per core")
    training_processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that train together, each on a GPU of its own from cuda:0 on",
    )
