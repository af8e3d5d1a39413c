"""A classifier in a process of its own, as it runs in a museum."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from saggar.rpc.channel import wait_ready


class ClassifierProcess:
    """Starts at once; its log goes to `folder/log-N`. As a context manager it is gone at the end."""

    _count = 0

    def __init__(self, store: Path, folder: Path, **settings: object) -> None:
        ClassifierProcess._count += 1
        self.log = folder / f"log-{self._count}"
        self._address_file = folder / f"address-{self._count}"
        own = {"STORE": store, "ADDRESS_FILE": self._address_file, "THREADS": 2, "WATCH_SECONDS": 0.2, **settings}
        environment = os.environ | {f"SAGGAR_{name.upper()}": str(value) for name, value in own.items()}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "saggar_classifier"], env=environment, stdout=log, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def address(self, limit_s: float = 60) -> str:
        """host:port, as soon as it answers there."""
        deadline = time.monotonic() + limit_s
        while not self._address_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the classifier did not start: {self.log.read_text(encoding='utf-8')}")
            time.sleep(0.02)
        address = self._address_file.read_text(encoding="utf-8")
        wait_ready(address, limit_s)
        return address

    def leave(self, limit_s: float = 60) -> int:
        """Sends SIGTERM; its exit code, once it is gone."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit_s)

    def memory_mib(self) -> float:
        """Resident."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 2**20

    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def threads(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/task").iterdir())
