"""Calls to the other services, with patience: a worker that is being restarted costs a wait, not the
experiment.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import grpc
from saggar.errors import BusyError, CancelledError, SaggarError, UnavailableError
from saggar.rpc.channel import ClientTls, call_stream, open_channel
from saggar.v1 import classifier_pb2_grpc, generator_pb2_grpc, qc_pb2_grpc, trainer_pb2_grpc

from saggar_orchestrator.peers.replicas import Replicas
from saggar_orchestrator.progress import Cancellation

STUBS: Mapping[str, Callable[[grpc.Channel], Any]] = {
    "generator": generator_pb2_grpc.GeneratorServiceStub,
    "qc": qc_pb2_grpc.QcServiceStub,
    "trainer": trainer_pb2_grpc.TrainerServiceStub,
    "classifier": classifier_pb2_grpc.ClassifierServiceStub,
}
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LONGEST_BUSY_WAIT_S = 0.5, 10.0, 30.0
_CALL_S = 60.0
_THIS_MACHINE = ("localhost", "::1")
_FRUITLESS = 3  # attempts that a peer may fail in without getting further, whatever time they take
_IDLE_S = 180.0  # peers send a heartbeat every 10 seconds; a machine that swaps may be late

log = logging.getLogger(__name__)


class Peers:
    """The four worker services by name. Channels are opened at first use and kept.

    `patience_s` is how long one call may go without a sign of life from its peer before the step fails, or,
    when the peer fails at the same place again and again, without getting further.
    """

    def __init__(
        self,
        targets: Mapping[str, str],
        patience_s: float = 300.0,
        keys: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
    ) -> None:
        """`keys` are API keys by service, of those that ask for one. `tls`: calls are encrypted."""
        self._keys = dict(keys or {})
        self._tls = tls
        self._targets = dict(targets)
        self._replicas = {
            service: Replicas(target, by_name=tls is not None) for service, target in self._targets.items()
        }
        self.patience_s = patience_s
        self._channels: dict[tuple[str, str], grpc.Channel] = {}
        self._lock = threading.Lock()

    def stream(
        self,
        service: str,
        rpc: str,
        request: Any,
        on_event: Callable[[Any], None],
        cancellation: Cancellation,
    ) -> Any:
        """Follows a stream to its result; events that are none go to `on_event`, some perhaps twice.

        It goes to the replica that has the least to do for this process. The same request is sent again, to another
        replica where there is one, while the peer cannot be reached or is busy. Raises the peer's domain
        errors, UnavailableError when patience is at an end, CancelledError when cancelled.
        """
        patience, failed = _Patience(self.patience_s), ""
        while True:
            cancellation.check()
            try:
                with self._replicas[service].least_busy(but=failed) as failed:
                    call = self._cancellable(service, failed, rpc, cancellation)
                    for event in call_stream(call, request, idle_timeout_s=_IDLE_S, attempts=1):
                        patience.alive(event)
                        if event.HasField("result"):
                            return event.result
                        on_event(event)
                problem: SaggarError = UnavailableError("the stream ended without a result")
            except CancelledError as error:
                cancellation.check()
                problem = error  # the peer is stopping; another, or the same restarted, goes on
            except (UnavailableError, BusyError) as error:
                problem = error
            self._replicas[service].failed(failed)
            self._wait(service, rpc, problem, patience, cancellation)

    def call_patiently(self, service: str, rpc: str, request: Any, cancellation: Cancellation) -> Any:
        """One answer to a call that may be made twice, however long the peer takes to come (back) up.

        Raises the peer's domain errors, UnavailableError when patience is at an end, CancelledError when
        cancelled.
        """
        patience = _Patience(self.patience_s)
        while True:
            cancellation.check()
            try:
                return self._answer(service, rpc, request, _CALL_S)
            except (UnavailableError, BusyError) as error:
                self._wait(service, rpc, error, patience, cancellation)

    def call(self, service: str, rpc: str, request: Any, timeout_s: float) -> Any:
        """One answer. Raises the peer's domain errors; UnavailableError names the peer."""
        try:
            return self._answer(service, rpc, request, timeout_s)
        except UnavailableError as error:
            raise UnavailableError(f"{service} at {self._targets[service]} cannot be reached: {error}") from error

    def replicas(self, service: str) -> int:
        """How many of the service there are, as far as its target tells; at least 1."""
        return self._replicas[service].count() if service in self._replicas else 1

    def is_here(self, service: str) -> bool:
        """Whether the service runs on this machine, as far as its target says it."""
        targets = self._targets.get(service, "").split(",")
        hosts = [target.strip().rpartition("/")[2].rpartition(":")[0].strip("[]") for target in targets]
        return all(host in _THIS_MACHINE or host.startswith("127.") for host in hosts)

    def _answer(self, service: str, rpc: str, request: Any, timeout_s: float) -> Any:
        target = self._targets[service]
        if "," in target:  # no target that gRPC knows
            with self._replicas[service].least_busy() as target:
                return getattr(self._stub(service, target), rpc)(request, timeout=timeout_s)
        return getattr(self._stub(service, target), rpc)(request, timeout=timeout_s)

    def close(self) -> None:
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def _wait(
        self, service: str, rpc: str, problem: SaggarError, patience: _Patience, cancellation: Cancellation
    ) -> None:
        wait = patience.next_wait(problem)
        if wait is None and patience.is_answered:
            raise UnavailableError(
                f"{service} gave up {patience.attempts} times at the same place: {problem}"
            ) from problem
        if wait is None:
            raise UnavailableError(
                f"{service} at {self._targets[service]} could not be reached for {self.patience_s:g} s "
                f"({problem}). Start it again, look into its log, then resume the experiment."
            ) from problem
        log.info("%s.%s: %s; trying again in %.1f s", service, rpc, problem, wait)
        cancellation.wait(wait)

    def _cancellable(self, service: str, address: str, rpc: str, cancellation: Cancellation) -> Callable[..., Any]:
        method = getattr(self._stub(service, address), rpc)

        def start(request: Any, timeout: float | None) -> Any:
            call = method(request, timeout=timeout)
            call.add_callback(cancellation.register(call.cancel))
            return call

        return start

    def _stub(self, service: str, address: str) -> Any:
        with self._lock:
            if (service, address) not in self._channels:
                self._channels[service, address] = open_channel(
                    address, tls=self._tls, api_key=self._keys.get(service, "")
                )
            return STUBS[service](self._channels[service, address])


class _Patience:
    """How long to wait before the next attempt; None once there was no sign of life for too long, or no new
    one in several attempts.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._heard_at = self._further_at = time.monotonic()
        self._heard: set[Hashable] = set()
        self.attempts = 0
        """Since the call got further."""
        self.is_answered = False
        """Whether the peer was heard of in the last attempt."""

    def alive(self, event: Any) -> None:
        """Takes note of an event. Progress is what tells how far the peer is; all else is told once."""
        self._heard_at, self.is_answered = time.monotonic(), True
        if event.HasField("progress"):
            sign: Hashable = (event.progress.stage, event.progress.done)
        else:
            sign = hashlib.sha256(event.SerializeToString(deterministic=True)).digest()
        if sign not in self._heard:
            self._heard.add(sign)
            self._further_at, self.attempts = self._heard_at, 0

    def next_wait(self, problem: SaggarError) -> float | None:
        self.attempts += 1
        now = time.monotonic()
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self.attempts - 1, 6))
        if isinstance(problem, BusyError):  # it lives
            self._heard_at = self._further_at = now
            return max(wait, min(problem.retry_after_s, _LONGEST_BUSY_WAIT_S))
        if self.is_answered:
            given_up = self.attempts >= _FRUITLESS and now - self._further_at > self._limit_s
        else:
            given_up = now - self._heard_at > self._limit_s
        if given_up:
            return None
        self.is_answered = False
        return wait
