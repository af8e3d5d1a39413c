"""Whether a service can do its work now, as its health checks say it, and why not."""

from __future__ import annotations

import threading
from collections.abc import Callable

REASON = "saggar-reason"  # trailing metadata of a health check's answer, beside NOT_SERVING
LIVE = "live"  # a name of the health service: the process has started and answers, whether it can work or not


class Readiness:
    """True or false at any moment, and back; a server that was given it tells its health checks.

    `reason` says why it is false, for people; empty where nothing is known, or it is true.
    """

    def __init__(self, *, ready: bool = False, reason: str = "") -> None:
        self._ready = ready
        self._reason = reason
        self._tell: Callable[[bool], None] = lambda _: None
        self._lock = threading.RLock()

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def reason(self) -> str:
        return "" if self._ready else self._reason

    def set(self, ready: bool, reason: str = "") -> None:
        with self._lock:
            changed, self._ready, self._reason = (ready, reason) != (self._ready, self._reason), ready, reason
            if changed:
                self._tell(ready)

    def watch(self, tell: Callable[[bool], None]) -> None:
        """Calls `tell` now and at every change, also of the reason."""
        with self._lock:
            self._tell = tell
            tell(self._ready)


def all_of(*parts: Readiness) -> Readiness:
    """True while all of `parts` are; its reason is that of the first which is not. Takes over watching them."""
    whole = Readiness()
    lock = threading.Lock()

    def look(_: bool) -> None:
        with lock:
            lacking = [part for part in parts if not part.ready]
            whole.set(not lacking, lacking[0].reason if lacking else "")

    for part in parts:
        part.watch(look)
    return whole
