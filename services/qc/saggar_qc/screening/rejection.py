"""Why an image is rejected: a reason, for counting, and a detail, for people."""

from __future__ import annotations

from dataclasses import dataclass

from saggar.job_settings.reject_reasons import Reason


@dataclass(frozen=True)
class Rejection:
    """One image's reason, and what was found in words."""

    reason: Reason
    detail: str
