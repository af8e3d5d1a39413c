"""The health service (grpc.health.v1), with a reason beside NOT_SERVING."""

# ruff: noqa: N802 the protocol names the methods

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from saggar.rpc.readiness import REASON

_LONGEST_REASON = 1000  # metadata are headers, of which peers accept 8 KiB in all


class Health(health.HealthServicer):
    """`reason` says why the service does not serve; empty where it does."""

    def __init__(self) -> None:
        super().__init__()
        self.reason: Callable[[], str] = lambda: ""

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> Any:
        answer = super().Check(request, context)
        reason = self.reason()
        if reason and answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
            shown = reason[:_LONGEST_REASON].encode("ascii", "backslashreplace").decode().replace("\n", " ")
            context.set_trailing_metadata(((REASON, shown),))
        return answer
