"""Checkpoints by time, written beside training."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from saggar.store import ObjectStore

from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.loop import Snapshot, State

CHECKPOINT_EVERY_S = 10.0
OCTETS = "application/octet-stream"


class CheckpointWriter:
    """Keeps the latest snapshot of a run under `key`, in a thread of its own, at most once in `every_s` seconds.

    The first is written at once. When the block ends with an error, a cancelled call for instance, what has not been
    written yet is written then; when it ends well, the run no longer needs it. Whoever is killed loses the last
    `every_s` seconds and the epoch in hand; `ObjectStore.replace` leaves the old checkpoint or the new one.
    """

    def __init__(self, store: ObjectStore, key: str, every_s: float = CHECKPOINT_EVERY_S) -> None:
        self._store = store
        self._key = key
        self._every_s = every_s
        self._changed = threading.Condition()
        self._waiting: Snapshot | None = None
        self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._changed:
            if kind is None:
                self._waiting = None
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if kind is None:
            self._raise()

    def offer(self, snapshot: Snapshot) -> None:
        """Take a copy, to be written when it is time. Raises what an earlier writing has raised."""
        copy = Snapshot(snapshot.history, **{part: _copied(getattr(snapshot, part)) for part in checkpoint.PARTS})
        with self._changed:
            self._raise()
            self._waiting = copy
            self._changed.notify()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            with self._changed:
                while not self._closing and (self._waiting is None or time.monotonic() < due):
                    self._changed.wait(None if self._waiting is None else max(0.0, due - time.monotonic()))
                snapshot, self._waiting = self._waiting, None
                if snapshot is None:
                    return
            try:
                self._store.replace(self._key, checkpoint.to_bytes(snapshot), OCTETS)
            except Exception as error:  # noqa: BLE001 - raised in the training thread
                self._error = error
            due = time.monotonic() + self._every_s


def _copied(state: State) -> State:
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
