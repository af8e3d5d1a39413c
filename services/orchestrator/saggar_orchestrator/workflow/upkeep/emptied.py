"""Whether a store has been emptied, or exchanged for another one, below a workflow database that knows better."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from saggar.errors import SaggarError, UnavailableError
from saggar.rpc.readiness import Readiness
from saggar.store import ObjectStore

from saggar_orchestrator.workflow.stored import known_ids

_NAMED = 3

log = logging.getLogger(__name__)


def emptied(store: ObjectStore, begun: Callable[[], Collection[str]]) -> str:
    """What is wrong with a store that has no experiment at all, though the workflow database knows `begun`; empty where
    nothing is. `begun` is asked only of such a store.
    """
    if known_ids(store):
        return ""
    identities = sorted(begun())
    if not identities:
        return ""
    named = ", ".join(identities[:_NAMED]) + (" ..." if len(identities) > _NAMED else "")
    return (
        f"{store} has no experiment, but the workflow database knows {len(identities)} ({named}): the store was "
        "emptied, or is another one; mount or restore it, or name the right one by SAGGAR_STORE. If it was emptied on "
        "purpose, run an experiment's file again: all of its steps are done anew"
    )


class StoreLook:
    """Keeps `readiness` true unless the store is `emptied`."""

    def __init__(self, store: ObjectStore, begun: Callable[[], Collection[str]]) -> None:
        self.readiness = Readiness(ready=True)
        self._store, self._begun = store, begun
        self._lock = threading.Lock()

    def look(self) -> str:
        """What is wrong, as `emptied` says it; a store that does not answer is none of its business."""
        try:
            found = emptied(self._store, self._begun)
        except SaggarError:
            return ""
        with self._lock:
            if found and self.readiness.ready:
                log.warning("not ready: %s", found)
            self.readiness.set(not found, found)
        return found

    def need(self) -> None:
        """Raises UnavailableError where anything is wrong."""
        if found := self.look():
            raise UnavailableError(found)
