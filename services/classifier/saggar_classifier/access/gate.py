"""Lets in who shows a key that may do what is asked, and notes who did: name, method and status, never content."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from grpc_status import rpc_status
from saggar.errors import BusyError
from saggar.rpc import request_ids
from saggar.rpc.errors import status_of

from saggar_classifier.access.keyring import Key, Keyring, Scope
from saggar_classifier.operations.calls import at_end

log = logging.getLogger("saggar.audit")

ADMINISTER = frozenset(
    {
        "/saggar.v1.ClassifierService/ActivateModel",
        "/inference.GRPCInferenceService/RepositoryModelLoad",
        "/inference.GRPCInferenceService/RepositoryModelUnload",
    }
)
# What probes of orchestrators ask, who have no keys.
_OPEN = ("/grpc.health.", "/inference.GRPCInferenceService/ServerLive", "/inference.GRPCInferenceService/ServerReady")
_BEARER = "bearer "


class Gate(grpc.ServerInterceptor):  # type: ignore[type-arg,unused-ignore]
    """Asks for `authorization: Bearer KEY` or `x-api-key: KEY`.

    UNAUTHENTICATED without a key that is known, PERMISSION_DENIED without the scope, RESOURCE_EXHAUSTED with the
    delay where the caller asks too often.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def intercept_service(self, continuation: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        method = details.method
        if method.startswith(_OPEN):
            return continuation(details)
        secret = _secret_of(details.invocation_metadata)
        key = self._keyring.find(secret) if secret else None
        if key is None:
            name = "an unknown key" if secret else "no key"
            return _refusal(method, name, grpc.StatusCode.UNAUTHENTICATED, _UNKNOWN)
        scope: Scope = "administer" if method in ADMINISTER else "classify"
        if scope not in key.scopes:
            text = f"the key of {key.name} does not have the scope {scope}; ask whoever runs this service for it"
            return _refusal(method, key.name, grpc.StatusCode.PERMISSION_DENIED, text)
        wait_s = self._keyring.wait_s(key)
        if wait_s:
            return _too_often(method, key, wait_s)
        return _noted(continuation(details), method, key.name)


_UNKNOWN = (
    "this service asks for a key that it knows: send the metadata `authorization: Bearer KEY`; whoever runs the "
    "service makes keys (python -m saggar_classifier.access)"
)


def is_loopback(address: str) -> bool:
    """Whether host:port can be reached from this machine only."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secret_of(metadata: Any) -> str:
    values = {str(name).lower(): value for name, value in metadata or () if isinstance(value, str)}
    authorization = values.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return values.get("x-api-key", "").strip()


def _refusal(method: str, name: str, code: grpc.StatusCode, text: str) -> Any:
    def refuse(_requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with request_ids.request_of(context):
            log.warning("%s by %s from %s: %s", method, name, context.peer(), code.name)
        context.abort(code, text)

    return grpc.stream_stream_rpc_method_handler(refuse)  # answers before anything of the request is read


def _too_often(method: str, key: Key, wait_s: float) -> Any:
    error = BusyError(
        f"{key.name} may call {key.requests_per_minute} times a minute; try again in {wait_s:.1f} s", wait_s
    )

    def refuse(_requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with request_ids.request_of(context) as identity:
            log.warning("%s by %s from %s: too often", method, key.name, context.peer())
        plain: Any = rpc_status.to_status(status_of(error))
        metadata = (*plain.trailing_metadata, (request_ids.METADATA, identity))
        context.abort_with_status(type(plain)(plain.code, plain.details, metadata))

    return grpc.stream_stream_rpc_method_handler(refuse)


def _noted(handler: Any, method: str, name: str) -> Any:
    """`handler`, with a line in the log when a call has ended."""

    def ended(context: grpc.ServicerContext, code: str, seconds: float) -> None:
        with request_ids.ended(context):
            log.info("%s by %s from %s: %s, %.3f s", method, name, context.peer(), code, seconds)

    return at_end(handler, ended)
