"""Long work behind a server stream: its own thread, progress events, heartbeats, cancellation, a queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import grpc

from saggar.errors import BusyError, CancelledError
from saggar.progress import Progress
from saggar.rpc.progress import progress_to_message
from saggar.v1 import common_pb2

HEARTBEAT_S = 10.0
WORK_THREAD = "saggar-work"

EventT = TypeVar("EventT")
Emit = Callable[[Any], None]
Job = Callable[[Emit, threading.Event], Any]


def cancellation(context: grpc.ServicerContext) -> threading.Event:
    """An event that is set when the call is over: the client went away, the deadline passed, or the server
    stops.
    """
    cancelled = threading.Event()
    if not context.add_callback(cancelled.set):
        cancelled.set()
    return cancelled


class JobQueue:
    """One job at a time, first come first served, at most `limit` waiting."""

    def __init__(self, limit: int, retry_after_s: float = 30.0) -> None:
        self.limit = limit
        self._retry_after_s = retry_after_s
        self._turn = threading.Condition()
        self._jobs: list[object] = []  # the first one runs

    @property
    def running(self) -> int:
        return min(1, len(self._jobs))

    @property
    def waiting(self) -> int:
        return max(0, len(self._jobs) - 1)

    @contextmanager
    def turn(self, cancelled: threading.Event, on_wait: Callable[[int], None] = lambda _: None) -> Iterator[None]:
        """Waits for this job's turn and holds it for the block. `on_wait` is told how many jobs are ahead.

        Raises BusyError at once when `limit` jobs wait already, CancelledError when `cancelled` is set while
        waiting.
        """
        ticket = object()
        with self._turn:
            if len(self._jobs) > self.limit:
                raise BusyError(
                    f"a job is running and {self.waiting} wait, the most that this replica takes; try "
                    f"again later, or add "
                    "a replica",
                    self._retry_after_s,
                )
            self._jobs.append(ticket)
        try:
            self._wait(ticket, cancelled, on_wait)
            yield
        finally:
            with self._turn:
                self._jobs.remove(ticket)
                self._turn.notify_all()

    def _wait(self, ticket: object, cancelled: threading.Event, on_wait: Callable[[int], None]) -> None:
        ahead = -1
        with self._turn:
            while self._jobs[0] is not ticket:
                if cancelled.is_set():
                    raise CancelledError("cancelled by the caller while waiting for its turn")
                if ahead != self._jobs.index(ticket):
                    ahead = self._jobs.index(ticket)
                    on_wait(ahead)
                self._turn.wait(0.2)  # seconds between looks at `cancelled`


def stream_events(
    context: grpc.ServicerContext,
    response: Callable[..., EventT],
    work: Job,
    jobs: JobQueue | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> Iterator[EventT]:
    """Runs `work(emit, cancelled)` in a thread and yields what it emits; for a servicer's streaming method.

    `response` is the stream's message class, a `oneof` of `progress`, `result` and perhaps others. `emit`
    takes a `saggar.progress.Progress`, its message, or a whole `response` message; what `work` returns is sent last, as
    `response(result=...)`, unless it is a `response` already, or None. When nothing was emitted for
    `heartbeat_s` seconds, the last progress is sent again. With `jobs`, work waits for its turn.

    `cancelled` is set when the client goes away or the server stops: work looks at it between steps and
    raises CancelledError. The stream then ends at once; the turn in `jobs` is kept until work has really
    ended. Errors of work are raised here.
    """
    cancelled = cancellation(context)
    events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
    if not context.add_callback(lambda: events.put(_OVER)):
        return
    threading.Thread(target=_run, args=(work, events, cancelled, jobs), name=WORK_THREAD, daemon=True).start()
    last = common_pb2.Progress(stage="starting")
    while True:
        try:
            kind, value = events.get(timeout=heartbeat_s)
        except queue.Empty:
            kind, value = "event", last
        if kind == "over":
            return
        if kind == "error":
            raise value
        if isinstance(value, common_pb2.Progress):
            last = value
        message = _message(kind, value, response)
        if message is not None:
            yield message
        if kind == "result":
            return


_Event = tuple[str, Any]
_OVER: _Event = ("over", None)


def _run(work: Job, events: queue.SimpleQueue[_Event], cancelled: threading.Event, jobs: JobQueue | None) -> None:
    def emit(event: Any) -> None:
        events.put(("event", progress_to_message(event) if isinstance(event, Progress) else event))

    try:
        with jobs.turn(cancelled, lambda ahead: emit(_waiting(ahead))) if jobs else nullcontext():
            result = work(emit, cancelled)
    except BaseException as error:  # noqa: BLE001 raised again in the stream's thread
        events.put(("error", error))
    else:
        events.put(("result", result))


def _message(kind: str, value: Any, response: Callable[..., EventT]) -> EventT | None:
    if isinstance(value, common_pb2.Progress):
        return response(progress=value)
    whole = value is None or (isinstance(response, type) and isinstance(value, response))
    return response(result=value) if kind == "result" and not whole else value


def _waiting(ahead: int) -> common_pb2.Progress:
    jobs = "1 job" if ahead == 1 else f"{ahead} jobs"
    return common_pb2.Progress(stage="waiting", message=f"{jobs} ahead in the queue")
