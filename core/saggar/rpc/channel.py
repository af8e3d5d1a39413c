"""Channels to the services: round robin, retry, keepalive, and domain errors in place of statuses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from saggar.errors import CancelledError, InvalidInputError, NotFoundError, SaggarError, UnavailableError
from saggar.rpc.encryption import ClientTls, client_credentials, client_tls, connection_remedy
from saggar.rpc.errors import domain_error
from saggar.rpc.readiness import LIVE, REASON
from saggar.rpc.targets import RenewingChannel, is_local, is_name, proxy_hint
from saggar.settings import what_is_wrong_with_key

__all__ = ["ClientTls", "call_stream", "client_tls", "open_channel", "wait_ready"]

MIB = 1 << 20
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_FIRST_RETRY_S = 0.2
_NO_ANSWER = "no answer"
_Hint = Callable[[str], str]  # what to try, by what gRPC says of a peer that is out of reach


def open_channel(
    target: str,
    *,
    max_message_mib: int = 20,
    tls: ClientTls | None = None,
    attempts: int = 4,
    timeout_s: float = 60.0,
    api_key: str = "",
) -> grpc.Channel:
    """A channel to `target`: host:port, or `dns:///name:port` to spread calls over all addresses of a name.

    Calls raise domain errors (`saggar.errors`). A unary call that finds the peer unavailable is tried `attempts` times
    within a second or two; a stream once (see `call_stream` for patience). A unary call without a timeout of its own
    gets `timeout_s`. Nothing is sent before the first call. Close it after use.

    gRPC's own retries are off: a call whose peer dies while it is being connected to may hang in them for good, and
    neither cancelling it nor a deadline ends it (grpcio 1.85).

    `api_key` is shown with every call, to services that ask for one. Addresses of this machine are never asked for
    through a proxy; a name's addresses are asked for again every ten seconds, so that new replicas get work.

    Raises InvalidInputError for a key that no call can carry, and for files of `tls` that do not serve; NotFoundError
    for those that cannot be read.
    """
    if wrong := what_is_wrong_with_key(api_key):
        raise InvalidInputError(f"api_key: {wrong}")
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
        ("grpc.enable_retries", 0),
        ("grpc.max_send_message_length", max_message_mib * MIB),
        ("grpc.max_receive_message_length", max_message_mib * MIB),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    ]
    if is_local(target):
        options.append(("grpc.enable_http_proxy", 0))
    credentials = None if tls is None else client_credentials(tls)

    def connect() -> grpc.Channel:
        if credentials is None:
            return grpc.insecure_channel(target, options)
        return grpc.secure_channel(target, credentials, options)

    channel = RenewingChannel(connect) if is_name(target) else connect()
    proxy = proxy_hint(target)

    def hint(said: str) -> str:
        return "; ".join(filter(None, (connection_remedy(said, tls), proxy)))

    return grpc.intercept_channel(channel, _DomainErrors(timeout_s, attempts, hint, api_key))


def call_stream(
    method: Callable[..., Any],
    request: Any,
    *,
    timeout_s: float | None = None,
    idle_timeout_s: float = 60.0,
    attempts: int = 5,
) -> Iterator[Any]:
    """The messages of a server stream, e.g. `call_stream(stub.Train, TrainRequest(...))`.

    Where the peer becomes unavailable, the same request (same request_id) is sent again, after a wait that
    grows, until `attempts` attempts in a row brought no message; messages may then come twice. `timeout_s`
    bounds all of it; `idle_timeout_s` is how long the peer may stay silent (services send a heartbeat every
    10 s). Raises domain errors; leaving the iteration cancels the work.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    failures = 0
    while True:
        try:
            for message in _once(method, request, deadline, idle_timeout_s):
                failures = 0
                yield message
        except UnavailableError:
            failures += 1
            wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (failures - 1))
            if failures >= attempts or (deadline is not None and time.monotonic() + wait > deadline):
                raise
            time.sleep(wait)
        else:
            return


def wait_ready(
    target: str, timeout_s: float, *, tls: ClientTls | None = None, service: str = LIVE, patient: bool = True
) -> None:
    """Returns as soon as the service at `target` has started and answers calls; UnavailableError after `timeout_s`
    seconds.

    With `service=""`, as soon as it can do its work: a classifier without a model is live, but not ready. Without
    `patient`, an answer that it does not serve is an error at once.
    """
    deadline = time.monotonic() + timeout_s
    said = _NO_ANSWER
    with open_channel(target, tls=tls, attempts=1) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while (left := deadline - time.monotonic()) > 0:
            request = health_pb2.HealthCheckRequest(service=service)
            try:
                answer, call = health.Check.with_call(request, timeout=max(0.05, min(left, 5.0)))
            except NotFoundError:  # another server's health knows no names
                if service != LIVE:
                    raise
                service = ""
                continue
            except SaggarError as error:
                if said == _NO_ANSWER or time.monotonic() < deadline:  # the end of our patience says nothing new
                    said = str(error)
            else:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
                said = f"it answers, but does not serve{_reason_of(call)}"
                if not patient:
                    raise UnavailableError(f"{target}: {said}")
            time.sleep(max(0.0, min(0.1, deadline - time.monotonic())))
    raise UnavailableError(f"{target} was not ready within {timeout_s:g} s: {said}; see its log")


def _reason_of(call: Any) -> str:
    """What a health check of ours says beside NOT_SERVING."""
    found = dict(call.trailing_metadata() or ()).get(REASON, "")
    return f": {found}" if found else " yet"


def _once(method: Callable[..., Any], request: Any, deadline: float | None, idle_timeout_s: float) -> Iterator[Any]:
    left = None if deadline is None else max(0.001, deadline - time.monotonic())
    call = method(request, timeout=left)
    watch = _IdleWatch(call, idle_timeout_s)
    try:
        for message in call:
            watch.pause()  # the time that our caller takes is not the peer's silence
            yield message
            watch.resume()
    except SaggarError as error:
        if watch.expired:
            raise UnavailableError(
                f"the peer was silent for {idle_timeout_s:g} s; check its log and its load, then try again"
            ) from error
        if isinstance(error, CancelledError) and not call.cancelled():  # not by us
            raise UnavailableError(f"the peer broke off the call, as it does when it stops ({error})") from error
        raise
    finally:
        watch.stop()
        call.cancel()


class _IdleWatch:
    """Cancels a call that has been silent for `limit_s` seconds."""

    def __init__(self, call: Any, limit_s: float) -> None:
        self.expired = False
        self._call = call
        self._limit_s = limit_s
        self._since: float | None = time.monotonic()
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="idle-watch", daemon=True).start()

    def pause(self) -> None:
        self._since = None

    def resume(self) -> None:
        self._since = time.monotonic()

    def stop(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        while True:
            since = self._since
            left = self._limit_s if since is None else since + self._limit_s - time.monotonic()
            if left <= 0:
                self.expired = True
                self._call.cancel()
                return
            if self._over.wait(left):
                return


class _DomainErrors(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[type-arg,unused-ignore]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[type-arg,unused-ignore]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[type-arg,unused-ignore]
    grpc.StreamStreamClientInterceptor,  # type: ignore[type-arg,unused-ignore]
):
    """Every call raises domain errors; a unary call is tried again, and one without a deadline gets one."""

    def __init__(self, timeout_s: float, attempts: int, hint: _Hint, api_key: str) -> None:
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._hint = hint
        self._key = [("authorization", f"Bearer {api_key}")] if api_key else []

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        details = self._with_key(client_call_details)
        deadline = time.monotonic() + (self._timeout_s if details.timeout is None else details.timeout)

        def begin() -> Any:
            return continuation(details._replace(timeout=max(0.001, deadline - time.monotonic())), request)

        return _PatientCall(begin, deadline, self._attempts, self._hint)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return _Call(continuation(self._with_key(client_call_details), request), self._hint)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return _Call(continuation(self._with_key(client_call_details), request_iterator), self._hint)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return _Call(continuation(self._with_key(client_call_details), request_iterator), self._hint)

    def _with_key(self, details: Any) -> Any:
        return details._replace(metadata=[*(details.metadata or ()), *self._key]) if self._key else details


class _Call:
    """A gRPC call whose result and messages raise domain errors; `hint` says what to try where it reaches nobody."""

    def __init__(self, call: Any, hint: _Hint) -> None:
        self._call = call
        self._hint = hint

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def result(self, timeout: float | None = None) -> Any:
        try:
            return self._call.result(timeout)
        except grpc.RpcError as error:
            raise self._domain_error(error) from error

    def _domain_error(self, error: grpc.RpcError) -> SaggarError:
        return domain_error(error, self._hint(error.details() or ""))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise self._domain_error(error) from error


class _PatientCall(_Call):
    """A unary call; whoever asks for its result begins it again while the peer cannot be reached."""

    def __init__(self, begin: Callable[[], Any], deadline: float, attempts: int, hint: _Hint) -> None:
        super().__init__(begin(), hint)
        self._begin, self._deadline = begin, deadline
        self._waits = [_FIRST_RETRY_S * 2.0**number for number in range(attempts - 1)]

    def result(self, timeout: float | None = None) -> Any:
        while True:
            try:
                return self._call.result(timeout)
            except grpc.RpcError as error:
                is_away = getattr(error, "code", lambda: None)() == grpc.StatusCode.UNAVAILABLE
                if not (is_away and self._waits and time.monotonic() + self._waits[0] < self._deadline):
                    raise self._domain_error(error) from error
            time.sleep(self._waits.pop(0))
            self._call = self._begin()
