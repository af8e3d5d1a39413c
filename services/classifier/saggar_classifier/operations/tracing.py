"""Traces by OpenTelemetry: a span for every call, below the caller's own, and one for each stage of a photograph.

Its libraries are the extra `traces`, so this file is imported only where traces are asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from saggar import __version__

from saggar_classifier.serving.observer import Remark

_SKIPPED = "/grpc."  # health checks and reflection


class Traces(grpc.ServerInterceptor):  # type: ignore[type-arg,unused-ignore]
    """An interceptor, and an observer of the desk. To be among the first interceptors: it sees what others refuse."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """Without `provider` spans go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names."""
        self._provider = provider or _to_collector()
        self._tracer = self._provider.get_tracer("saggar.classifier", __version__)

    def intercept_service(self, continuation: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        handler, method = continuation(details), details.method
        if handler is None or method.startswith(_SKIPPED):
            return handler
        kind = (
            f"{'stream' if handler.request_streaming else 'unary'}_"
            f"{'stream' if handler.response_streaming else 'unary'}"
        )
        behaviour = getattr(handler, kind)

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            with self._span(method, context):
                return behaviour(request, context)

        def call_stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with self._span(method, context):
                yield from behaviour(request, context)

        traced = call_stream if handler.response_streaming else call
        traced.__dict__.update(getattr(behaviour, "__dict__", {}))  # the pool that it is to run in
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(traced, handler.request_deserializer, handler.response_serializer)

    def answered(self, remark: Remark) -> None:
        span = trace.get_current_span()
        if not span.is_recording():
            return
        timing = remark.timing
        stages = {
            "queue": timing.queue_s,
            "decode": timing.decode_s,
            "network": timing.network_s,
            "answer": timing.answer_s,
        }
        at = time.time_ns() - int(1e9 * sum(stages.values()))
        for name, seconds in stages.items():
            stage = self._tracer.start_span(name, start_time=at, attributes={"saggar.model": remark.model_id})
            at += int(1e9 * seconds)
            stage.end(at)

    def failed(self, error: BaseException) -> None:
        trace.get_current_span().record_exception(error)

    def stop(self) -> None:
        """Sends what was not sent yet."""
        self._provider.shutdown()

    @contextmanager
    def _span(self, method: str, context: grpc.ServicerContext) -> Iterator[None]:
        metadata = {str(name): value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
        service, _, name = method.removeprefix("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        with self._tracer.start_as_current_span(
            method.removeprefix("/"),
            extract(metadata),
            SpanKind.SERVER,
            attributes,
            record_exception=False,  # refusals are statuses
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            finally:
                code: Any = context.code()  # type: ignore[attr-defined,unused-ignore]
                shown = str(getattr(code, "name", code) or "OK")
                span.set_attribute("rpc.grpc.status_code", shown)
                if shown != "OK":
                    span.set_status(Status(StatusCode.ERROR, shown))


def _to_collector() -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": "saggar-classifier"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
