"""A generator service in a process of its own, for tests that kill it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from saggar.rpc.channel import wait_ready

START_S = 240.0  # to load the libraries on a busy machine


@contextmanager
def generator_process(
    store: Path, folder: Path, listen: str = "127.0.0.1:0"
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Its address, and what kills it. `folder` gets its log."""
    folder.mkdir(exist_ok=True)
    address = folder / "address"
    address.unlink(missing_ok=True)
    environment = os.environ | {
        "SAGGAR_STORE": str(store),
        "SAGGAR_ADDRESS_FILE": str(address),
        "SAGGAR_LISTEN": listen,
        "SAGGAR_THREADS": "1",
        "SAGGAR_DEVICE": "cpu",
        "SAGGAR_DRAIN_SECONDS": "0",
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "saggar_generator"], env=environment, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not address.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        wait_ready(address.read_text(), START_S)
        yield address.read_text(), lambda: process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
