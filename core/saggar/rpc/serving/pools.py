"""Threads by kind of call, so that no kind can lock out another: streams, short calls, those that wait for the store,
health.

gRPC's server for Python runs a behaviour in the pool that it carries as `experimental_thread_pool`. A call that its
pool has no room for is refused at once, by a thread of its own kind, without reading the request.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from grpc_status import rpc_status

from saggar.errors import BusyError
from saggar.rpc.errors import status_of

_CALL_THREADS, _CALLS_WAITING = 32, 128
_STORE_THREADS, _STORE_WAITING = 8, 32
_HEALTH_THREADS = 2
_RETRY_CALL_S, _RETRY_STREAM_S = 1.0, 30.0
# Once 1,000 calls wait to be accepted, given up ones included, gRPC cancels some at random; one takes about 8 KiB.
_NOT_YET_ACCEPTED = 10_000
_CALLS_OF_ONE_CONNECTION = 1000  # that are not answered; more of them wait at the client
LIMITS = (  # gRPC's own, so wide that refusals come from here and say when to try again
    ("grpc.max_concurrent_streams", _CALLS_OF_ONE_CONNECTION),
    ("grpc.server.max_pending_requests", _NOT_YET_ACCEPTED),
    ("grpc.server.max_pending_requests_hard_limit", 2 * _NOT_YET_ACCEPTED),
)

_ON_STORE = "waits_on_store"

BehaviourT = TypeVar("BehaviourT", bound=Callable[..., Any])


class BoundedPool(ThreadPoolExecutor):
    """A pool that knows how many calls it holds, those that run and those that wait, and takes `limit` of them."""

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self.limit = threads + waiting
        self._held = 0
        self._count = threading.Lock()

    @property
    def held(self) -> int:
        return self._held

    @property
    def full(self) -> bool:
        return self._held >= self.limit

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self._count:
            self._held += 1
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self._leave(None)
            raise
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: Future[Any] | None) -> None:
        with self._count:
            self._held -= 1


@dataclass(frozen=True)
class Pools:
    """`refusals` answers what the others have no room for."""

    calls: BoundedPool
    store: BoundedPool
    streams: BoundedPool
    health: BoundedPool
    refusals: BoundedPool

    @staticmethod
    def of(max_streams: int) -> Pools:
        """Pools of a server that holds `max_streams` streams open at most."""
        return Pools(
            BoundedPool(_CALL_THREADS, _CALLS_WAITING, "saggar-rpc"),
            BoundedPool(_STORE_THREADS, _STORE_WAITING, "saggar-rpc-store"),
            BoundedPool(max_streams, 0, "saggar-rpc-stream"),
            BoundedPool(_HEALTH_THREADS, 1 << 20, "saggar-rpc-health"),
            BoundedPool(1, 1 << 20, "saggar-rpc-refusal"),
        )

    def pool_of(self, method: str, behaviour: Callable[..., Any], *, streaming: bool) -> BoundedPool:
        if method.startswith("/grpc.health."):
            return self.health
        if streaming:
            return self.streams
        return self.store if getattr(behaviour, _ON_STORE, False) else self.calls

    def shutdown(self) -> None:
        for pool in (self.calls, self.store, self.streams, self.health, self.refusals):
            pool.shutdown(wait=False)


def waits_on_store(behaviour: BehaviourT) -> BehaviourT:
    """Decorates a servicer's short call that is a wait for the store: one that hangs holds up its likes alone."""
    setattr(behaviour, _ON_STORE, True)
    return behaviour


def run_in(pool: BoundedPool, behaviour: Callable[..., Any]) -> Callable[..., Any]:
    """`behaviour`, to be run by a thread of `pool`."""

    @functools.wraps(behaviour)
    def call(*args: Any) -> Any:
        return behaviour(*args)

    call.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return call


def refusal(pools: Pools, pool: BoundedPool) -> Any:
    """A handler that refuses any method with RESOURCE_EXHAUSTED and the delay after which to try again."""
    streams = pool is pools.streams
    held = "streams open" if streams else "calls in hand"
    if pool is pools.store:
        held = "calls in hand that wait for the store"
    error = BusyError(
        f"this replica has {pool.limit} {held}, the most that it takes; "
        f"try again later, {'close streams that nobody reads, ' if streams else ''}or add a replica",
        _RETRY_STREAM_S if streams else _RETRY_CALL_S,
    )

    def refuse(_requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        context.abort_with_status(rpc_status.to_status(status_of(error)))

    # A handler of streams starts before anything was read, so that a slow sender cannot hold the thread.
    return grpc.stream_stream_rpc_method_handler(run_in(pools.refusals, refuse))
