"""Processes of teams that this test's process has started."""

import contextlib
import time

import psutil


def workers(module: str) -> list[psutil.Process]:
    """Those that run `module`, without torch's launcher."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # gone since it was listed
            line = child.cmdline()
            if module in line and "torch.distributed.run" not in line:
                found.append(child)
    return found


def until_no_worker_is_left(module: str) -> None:
    deadline = time.monotonic() + 60
    while left := workers(module):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
