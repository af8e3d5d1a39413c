"""How many trainers this machine has room for, and how many threads are each one's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from saggar.errors import InvalidInputError

MOST = 16
_USUAL_MOST = 4  # more pay only for experiments of many arms and seeds
_GB_EACH = 2.0  # of memory: libraries, decoded photographs, a batch and its gradients


def trainer_count(environment: Mapping[str, str] = os.environ) -> int:
    """`SAGGAR_TRAINERS`, or what suits this machine: with a GPU one; else one per core, up to four, as memory allows.

    Small networks use a second thread badly: two trainers of one thread do nearly twice the work of one with two.
    Raises InvalidInputError for what is no count.
    """
    asked = environment.get("SAGGAR_TRAINERS", "")
    if asked:
        if not asked.isdecimal() or not 1 <= int(asked) <= MOST:
            raise InvalidInputError(f"SAGGAR_TRAINERS={asked}: give a whole number from 1 to {MOST}, or leave it unset")
        return int(asked)
    if _has_gpu(environment):
        return 1
    return max(1, min(cores(), _USUAL_MOST, int(_free_memory_gb() / _GB_EACH)))


def threads_each(trainers: int, environment: Mapping[str, str] = os.environ) -> str:
    """`SAGGAR_THREADS` of each of so many trainers: what was asked for, or an equal part of the cores."""
    return environment.get("SAGGAR_THREADS") or str(max(1, cores() // trainers))


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _has_gpu(environment: Mapping[str, str]) -> bool:
    device = environment.get("SAGGAR_DEVICE", "auto")
    if device != "auto":
        return not device.startswith("cpu")
    return shutil.which("nvidia-smi") is not None or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()


def _free_memory_gb() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / 1e6
    except (OSError, StopIteration, ValueError):
        return _GB_EACH * _USUAL_MOST  # the system does not say
