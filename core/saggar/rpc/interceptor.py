"""The server's one place where errors become statuses, for unary and streaming methods alike."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from saggar.rpc.errors import status_of

log = logging.getLogger(__name__)

Continuation = Callable[[grpc.HandlerCallDetails], Any]


class ErrorInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg,unused-ignore]
    """Turns what a servicer raises into a status (`saggar.rpc.errors`), and logs every call in one line."""

    def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith("/saggar."):
            return handler
        make = getattr(
            grpc,
            f"{'stream' if handler.request_streaming else 'unary'}_"
            f"{'stream' if handler.response_streaming else 'unary'}_rpc_method_handler",
        )
        behaviour = getattr(
            handler,
            f"{'stream' if handler.request_streaming else 'unary'}_"
            f"{'stream' if handler.response_streaming else 'unary'}",
        )
        guarded = _guarded_stream if handler.response_streaming else _guarded
        return make(guarded(behaviour, method), handler.request_deserializer, handler.response_serializer)


def _guarded(behaviour: Callable[..., Any], method: str) -> Callable[..., Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        started = time.monotonic()
        try:
            response = behaviour(request, context)
        except Exception as error:  # noqa: BLE001 the one place where every error becomes a status
            _abort(error, context, method, started)
        _log_end(method, "OK", started)
        return response

    return call


def _guarded_stream(behaviour: Callable[..., Any], method: str) -> Callable[..., Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        started = time.monotonic()
        try:
            yield from behaviour(request, context)
        except Exception as error:  # noqa: BLE001 as above
            _abort(error, context, method, started)
        _log_end(method, "OK" if context.is_active() else "cancelled by the client", started)

    return call


def _abort(error: Exception, context: grpc.ServicerContext, method: str, started: float) -> NoReturn:
    if context.code() is not None:  # type: ignore[attr-defined,unused-ignore]
        raise error  # the servicer called context.abort itself
    status = rpc_status.to_status(status_of(error))
    _log_end(method, f"{status.code.name}: {status.details}", started)
    context.abort_with_status(status)
    raise AssertionError("unreachable: abort raises")


def _log_end(method: str, outcome: str, started: float) -> None:
    log.info("%s %.3f s %s", method, time.monotonic() - started, outcome)
