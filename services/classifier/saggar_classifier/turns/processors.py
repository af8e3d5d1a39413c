"""How many processors this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def available(groups: Path = _CONTROL_GROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Those of its affinity, and no more than the quota of its control groups (`cpu.max`); at least 1.

    A container that was given two of a machine's 64 processors sees all 64 in `os.cpu_count`.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for quota in map(_quota, _levels(groups, own)) if quota is not None]
    return max(1, min([count, *(math.ceil(quota) for quota in quotas)]))


def _levels(groups: Path, own: Path) -> list[Path]:
    """Folders of the process's control group and of those above it (version 2 of control groups)."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return [groups]
    path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    group = groups / path.strip("/")
    return [group, *(parent for parent in group.parents if parent.is_relative_to(groups))]


def _quota(group: Path) -> float | None:
    """Processors that `cpu.max` allows: microseconds of work in each period of so many."""
    try:
        most, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return None if most == "max" else int(most) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
