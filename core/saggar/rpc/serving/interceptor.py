"""The server's one place where errors become statuses, for unary and streaming methods alike."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from saggar.errors import BusyError, CancelledError, InvalidInputError
from saggar.rpc import request_ids
from saggar.rpc.errors import status_of
from saggar.rpc.request_ids import request_of
from saggar.rpc.serving.pools import Pools, refusal, run_in

log = logging.getLogger(__name__)

_STANDARD = "/inference."  # the standard inference protocol, whose clients take a full queue for UNAVAILABLE
_OURS = ("/saggar.", _STANDARD)
_LEFT = "left by the client"

Continuation = Callable[[grpc.HandlerCallDetails], Any]


class CallInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg,unused-ignore]
    """Gives every call its pool, or refuses it; turns what a servicer raises into a status; logs a line a call."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        streaming = handler.request_streaming or handler.response_streaming
        kind = (
            f"{'stream' if handler.request_streaming else 'unary'}_"
            f"{'stream' if handler.response_streaming else 'unary'}"
        )
        behaviour, parse = getattr(handler, kind), handler.request_deserializer
        pool = self._pools.pool_of(method, behaviour, streaming=streaming)
        if pool.full:
            log.warning("%s refused: %d calls of its kind in hand", method, pool.held)
            return refusal(self._pools, pool)
        if method.startswith(_OURS):
            guarded = _guarded_stream if handler.response_streaming else _guarded
            # Parsed by us: gRPC answers INTERNAL where it cannot parse, and parses what nobody waits for any more.
            read = _parsed_each(parse) if handler.request_streaming else _parsed(parse)
            behaviour, parse = guarded(behaviour, method, read), None
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(run_in(pool, behaviour), parse, handler.response_serializer)


def _parsed(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError as error:
            raise InvalidInputError(
                f"the request of {len(data)} bytes is not a message of this method ({error}); make it with the "
                "contract of the same version (protos/saggar/v1)"
            ) from None

    return read


def _parsed_each(parse: Callable[[bytes], Any]) -> Callable[[Iterator[bytes]], Iterator[Any]]:
    one = _parsed(parse)
    return lambda requests: (one(data) for data in requests)


def _guarded(behaviour: Callable[..., Any], method: str, read: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(data: bytes, context: grpc.ServicerContext) -> Any:
        started = time.monotonic()
        with request_of(context):
            try:
                _drop_if_over(context)
                response = behaviour(read(data), context)
            except Exception as error:  # noqa: BLE001 the one place where every error becomes a status
                _abort(error, context, method, started)
            _log_end(method, "OK", started)
            return response

    return call


def _guarded_stream(behaviour: Callable[..., Any], method: str, read: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(data: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        started = time.monotonic()
        with request_of(context):
            try:
                _drop_if_over(context)
                yield from behaviour(read(data), context)
            except GeneratorExit:  # gRPC reads on for nobody, e.g. whose caller goes as soon as it has the result
                _log_end(method, _LEFT, started)
                raise
            except Exception as error:  # noqa: BLE001 as above
                _abort(error, context, method, started)
            _log_end(method, "OK" if context.is_active() else _LEFT, started)

    return call


def _drop_if_over(context: grpc.ServicerContext) -> None:
    """A call that was cancelled, or whose deadline passed, while it waited for a thread costs no work."""
    if not context.is_active():
        raise CancelledError("the caller was gone before the work began")


def _abort(error: Exception, context: grpc.ServicerContext, method: str, started: float) -> NoReturn:
    if context.code() is not None:  # type: ignore[attr-defined,unused-ignore]
        raise error  # the servicer called context.abort itself
    found = status_of(error)
    if isinstance(error, BusyError) and method.startswith(_STANDARD):
        found.code = grpc.StatusCode.UNAVAILABLE.value[0]
    plain: Any = rpc_status.to_status(found)
    metadata = (*plain.trailing_metadata, (request_ids.METADATA, request_ids.current()))
    status = type(plain)(plain.code, plain.details, metadata)
    _log_end(method, f"{status.code.name}: {status.details}", started)
    context.abort_with_status(status)
    raise AssertionError("unreachable: abort raises")


def _log_end(method: str, outcome: str, started: float) -> None:
    log.info("%s %.3f s %s", method, time.monotonic() - started, outcome)
