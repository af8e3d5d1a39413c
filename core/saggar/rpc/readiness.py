"""Whether a service can do its work now, as its health checks say it."""

from __future__ import annotations

import threading
from collections.abc import Callable

LIVE = "live"  # a name of the health service: the process has started and answers, whether it can work or not


class Readiness:
    """True or false at any moment, and back; a server that was given it tells its health checks."""

    def __init__(self, *, ready: bool = False) -> None:
        self._ready = ready
        self._tell: Callable[[bool], None] = lambda _: None
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        return self._ready

    def set(self, ready: bool) -> None:
        with self._lock:
            if ready != self._ready:
                self._ready = ready
                self._tell(ready)

    def watch(self, tell: Callable[[bool], None]) -> None:
        """Calls `tell` now and at every change."""
        with self._lock:
            self._tell = tell
            tell(self._ready)
