"""What became of calls: counted by method and status, with the time they took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
from prometheus_client import Histogram

Ended = Callable[[grpc.ServicerContext, str, float], None]  # context, name of the status code, seconds


class CallCounter(grpc.ServerInterceptor):  # type: ignore[type-arg,unused-ignore]
    """Observes every call of a known method. To be the first of the interceptors: it sees what the others refuse."""

    def __init__(self, calls: Histogram) -> None:
        """`calls` has the labels method and code."""
        self._calls = calls

    def intercept_service(self, continuation: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        method = details.method

        def ended(_context: grpc.ServicerContext, code: str, seconds: float) -> None:
            self._calls.labels(method, code).observe(seconds)

        return at_end(continuation(details), ended)


def at_end(handler: Any, ended: Ended) -> Any:
    """`handler`, with a call of `ended` when one of its calls has ended, however it did. None stays None."""
    if handler is None:
        return None
    kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
    behaviour = getattr(handler, kind)

    def call(request: Any, context: grpc.ServicerContext) -> Any:
        started = time.monotonic()

        def end() -> None:
            code: Any = context.code()  # type: ignore[attr-defined,unused-ignore]
            ended(context, str(getattr(code, "name", code) or "OK"), time.monotonic() - started)

        context.add_callback(end)
        return behaviour(request, context)

    # The pool that the behaviour is to run in goes along.
    call.__dict__.update(getattr(behaviour, "__dict__", {}))
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(call, handler.request_deserializer, handler.response_serializer)
