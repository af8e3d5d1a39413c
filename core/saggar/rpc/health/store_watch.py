"""Whether a service's store is within reach, looked at again and again."""

from __future__ import annotations

import logging
import threading

from saggar.errors import SaggarError
from saggar.rpc.readiness import Readiness
from saggar.store import ObjectStore

PROBE = "health/probe"  # never there; whoever may use the store may ask for it
_EVERY_S, _EVERY_S_WITHOUT = 10.0, 2.0

log = logging.getLogger(__name__)


class StoreWatch:
    """Keeps `readiness` true while the store answers, and false, with the reason, while it does not."""

    def __init__(
        self, store: ObjectStore, every_s: float = _EVERY_S, every_s_without: float = _EVERY_S_WITHOUT
    ) -> None:
        self.readiness = Readiness(reason="the store has not been looked at yet")
        self._store = store
        self._waits_s = (every_s_without, every_s)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="store-watch", daemon=True)

    def start(self) -> None:
        """Looks once, and then from a thread of its own."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        before = self.readiness.ready, self.readiness.reason
        try:
            self._store.exists(PROBE)
        except SaggarError as error:
            self.readiness.set(ready=False, reason=str(error))
        except Exception as error:  # whatever it is, the store is of no use now; the next look may find it again
            log.exception("cannot look at the store")
            self.readiness.set(ready=False, reason=f"the store cannot be used ({type(error).__name__}); see the log")
        else:
            self.readiness.set(ready=True)
        if (self.readiness.ready, self.readiness.reason) != before:
            if self.readiness.ready:
                log.info("the store answers")
            else:
                log.warning("not ready: %s", self.readiness.reason)

    def _watch(self) -> None:
        while not self._stopped.wait(self._waits_s[self.readiness.ready]):
            self.look()
