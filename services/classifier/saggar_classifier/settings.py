"""The classifier's settings, beside those that every service has."""

from __future__ import annotations

from pydantic import Field
from saggar.settings import ServiceSettings


class ClassifierSettings(ServiceSettings):
    """What the classifier needs to run."""

    model: str = Field(
        "",
        description="bundle to serve, e.g. bundles/0123456789abcdef/bundle.json; "
        "unset: the one that was activated last",
    )
    threads: int = Field(0, ge=0, description="CPU threads of one classification; 0: as many as there are cores")
