"""The gRPC server that every service runs: errors, health, reflection, limits, TLS, drain.

def register(server):
    classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(Servicer(...), server)
    return ["saggar.v1.ClassifierService"]

leave(serve(register, settings, warm_up=model.load))
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from saggar.errors import SaggarError, WrongStateError, exit_code
from saggar.rpc.descriptors import Descriptors
from saggar.rpc.health import Health, StoreWatch
from saggar.rpc.logs import configure_logs
from saggar.rpc.readiness import LIVE, Readiness, all_of
from saggar.rpc.serving.interceptor import CallInterceptor
from saggar.rpc.serving.pools import LIMITS, Pools
from saggar.rpc.serving.tls import server_credentials
from saggar.rpc.serving.work import cancellation
from saggar.settings import ServiceSettings, write_address
from saggar.store import ObjectStore

__all__ = ["Readiness", "Register", "RunningServer", "cancellation", "leave", "serve", "start_server"]

log = logging.getLogger(__name__)

Register = Callable[[grpc.Server], Sequence[str]]  # adds servicers; returns the services' full names
MIB = 1 << 20
# Clients with round robin ask DNS again when a connection ends: so new replicas get work. Running calls go on.
_CONNECTION_AGE_MS = 20_000
# At least. Clients in Go and Java may ping every 10 s, also between calls, and ours do every 30 s.
_BETWEEN_PINGS_MS = 5_000
_AFTERMATH_S = 10.0  # how long cancelled work may take to put its things down
_DRAINED = b"\0"  # no signal's number


@dataclass(frozen=True)
class RunningServer:
    """A server that listens at `address` (host:port)."""

    address: str
    _server: grpc.Server
    _health: Health
    _pools: Pools
    _store_watch: StoreWatch | None = None

    def stop(self, drain_seconds: float = 0.0) -> None:
        """Takes no new calls, lets running ones end for `drain_seconds`, cancels the rest, returns when all
        are over.
        """
        if self._store_watch is not None:
            self._store_watch.stop()
        self._health.enter_graceful_shutdown()
        self._server.stop(drain_seconds).wait()
        self._pools.shutdown()


def start_server(
    register: Register,
    settings: ServiceSettings | None = None,
    warm_up: Callable[[], None] | None = None,
    *,
    readiness: Readiness | None = None,
    store: ObjectStore | None = None,
    descriptors: Sequence[DescriptorPool] = (),
    interceptors: Sequence[Any] = (),
) -> RunningServer:
    """Binds, starts to answer, and runs `warm_up`, during which health checks answer NOT_SERVING.

    `descriptors` are pools of services that are not of the contract, for reflection; `interceptors` see
    calls before anybody else does.

    Afterwards the name `live` is SERVING, and the server ("") and its services are as long as `readiness` is, and
    `store` within reach: the store of a service that can do nothing without it.

    Raises WrongStateError when the address cannot be bound, NotFoundError and InvalidInputError for bad TLS
    files, InvalidInputError where the address file cannot be written, and whatever `warm_up` raises (the server is
    stopped then).
    """
    settings = settings or ServiceSettings()
    size = settings.max_message_mib * MIB
    pools = Pools.of(settings.max_streams)
    server = grpc.server(
        pools.calls,
        interceptors=[*interceptors, CallInterceptor(pools)],
        options=(
            ("grpc.max_receive_message_length", size),
            ("grpc.max_send_message_length", size),
            ("grpc.so_reuseport", 0),  # else a second server on the port starts and takes half of the calls
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", _BETWEEN_PINGS_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.max_connection_age_ms", _CONNECTION_AGE_MS),
            *LIMITS,
        ),
    )
    names = tuple(register(server))
    healths = Health()
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    described: Any = Descriptors(descriptor_pool.Default(), *descriptors)
    if settings.reflection:
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server, described)

    def tell(serving: bool) -> None:
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *names):
            healths.set(name, state)

    tell(serving=False)
    healths.set(LIVE, health_pb2.HealthCheckResponse.NOT_SERVING)
    address = _bind(server, settings)
    server.start()
    watch = None if store is None else StoreWatch(store)
    running = RunningServer(address, server, healths, pools, watch)
    try:
        if settings.address_file is not None:
            write_address(settings.address_file, address, "address_file")
        if warm_up is not None:
            warm_up()
    except BaseException:
        running.stop()
        raise
    healths.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
    whole = readiness or Readiness(ready=True)
    if watch is not None:
        whole = all_of(watch.readiness, whole)
        watch.start()
    healths.reason = lambda: whole.reason
    whole.watch(tell)
    return running


def serve(
    register: Register,
    settings: ServiceSettings,
    warm_up: Callable[[], None] | None = None,
    on_stop: Callable[[], None] | None = None,
    *,
    readiness: Readiness | None = None,
    store: ObjectStore | None = None,
    descriptors: Sequence[DescriptorPool] = (),
    interceptors: Sequence[Any] = (),
) -> int:
    """Serves until SIGTERM or SIGINT; the exit code of a service's `__main__`: 0 drained, 1 failed, 2 bad
    settings.

    The first signal turns health to NOT_SERVING, takes no new calls and lets running ones go on for
    `settings.drain_seconds`; the second one cancels them at once. `on_stop` is called at the first one: work
    that no call waits for ends there.
    """
    configure_logs(settings.log_level, settings.log_json)
    signals = _Signals()

    def start_up() -> None:
        if warm_up is not None:
            warm_up()
        signals.interrupt = False

    try:
        running = start_server(
            register,
            settings,
            start_up,
            readiness=readiness,
            store=store,
            descriptors=descriptors,
            interceptors=interceptors,
        )
    except SaggarError as error:
        log.error("cannot start: %s", error)  # noqa: TRY400 the text says it all
        return exit_code(error)
    except KeyboardInterrupt:
        log.info("stopped while starting")
        _leave_nothing_behind(0)
        return 0
    log.info("serving at %s", running.address)
    signals.wait()
    if on_stop is not None:
        on_stop()
    log.info("draining for at most %g s", settings.drain_seconds)

    def drain() -> None:
        running.stop(settings.drain_seconds)
        signals.drained()

    threading.Thread(target=drain, name="saggar-drain").start()
    impatient = signals.wait()
    if impatient:
        log.warning("stopping at once")
        running.stop()
    if settings.address_file is not None:
        with contextlib.suppress(OSError):
            settings.address_file.unlink(missing_ok=True)
    _leave_nothing_behind(0 if impatient else _AFTERMATH_S)
    log.info("stopped")
    return 0


def leave(code: int) -> NoReturn:
    """Ends the process at once, after what was to be done at its end: logs and telemetry flushed, helpers stopped.

    To take the modules of torch down one by one may need 20 s, for nothing, and threads that wait for a peer as long as
    the peer likes.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 there is no public name for it
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed from the beginning
            stream.flush()
    os._exit(code)


class _Signals:
    """SIGTERM and SIGINT: KeyboardInterrupt while `interrupt` is set, afterwards something to wait for.

    The interpreter writes a signal's number to the socket at once; a handler in Python runs only between
    two steps of the main thread, and so perhaps never once that thread waits for a lock.
    """

    def __init__(self) -> None:
        self.interrupt = True
        self._received, self._sent = socket.socketpair()
        self._sent.setblocking(False)
        signal.set_wakeup_fd(self._sent.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def wait(self) -> bool:
        """True at the next signal, False when `drained` is called first."""
        return self._received.recv(1) != _DRAINED

    def drained(self) -> None:
        self._sent.send(_DRAINED)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.interrupt:
            raise KeyboardInterrupt


def _bind(server: grpc.Server, settings: ServiceSettings) -> str:
    host = settings.listen.rpartition(":")[0]
    try:
        if settings.tls_cert is None:
            port = server.add_insecure_port(settings.listen)
        else:
            port = server.add_secure_port(settings.listen, server_credentials(settings))
    except RuntimeError:
        port = 0
    if not port:
        raise WrongStateError(
            f"cannot listen on {settings.listen}: the port is taken or the address is not this "
            f"machine's; set "
            "SAGGAR_LISTEN to another host:port, or stop the program that listens there"
        )
    return f"{host}:{port}"


def _leave_nothing_behind(patience_s: float) -> None:
    """Waits for threads of cancelled work; ends the process when they take longer than `patience_s`."""
    deadline = time.monotonic() + patience_s
    # gRPC calls us from a daemon thread, and threads inherit that: ours are known by their names.
    others = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.current_thread() and (thread.name.startswith("saggar-") or not thread.daemon)
    ]
    for thread in others:
        thread.join(max(0.05, deadline - time.monotonic()))
    if stuck := {thread.name for thread in others if thread.is_alive()}:
        log.warning("ending with work still running: %s", ", ".join(sorted(stuck)))
        logging.shutdown()
        os._exit(0)
