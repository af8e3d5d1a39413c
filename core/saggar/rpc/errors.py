"""Domain errors and gRPC statuses: one table, read in both directions.

The server's side is `status_of`, used by one interceptor; the client's side is `domain_error`, used by the
channel.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from saggar.errors import (
    AlreadyExistsError,
    BusyError,
    CancelledError,
    DataCorruptionError,
    FieldViolation,
    InvalidInputError,
    NotFoundError,
    PeerFailedError,
    SaggarError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)

log = logging.getLogger(__name__)

DOMAIN = "saggar"
# Status and details travel as HTTP/2 headers, of which peers accept 8 KiB in all.
_MESSAGE_BUDGET, _STATUS_BUDGET = 2000, 4000
_OUR_OWN_CANCEL = "Locally cancelled by application!"  # grpc's details of a call that was cancelled on this side


@dataclass(frozen=True)
class _Row:
    error: type[SaggarError]
    code: grpc.StatusCode
    reason: str  # google.rpc.ErrorInfo.reason: tells apart errors that share a code


# Where several rows share a code, the first is what a status without our details means.
TABLE = (
    _Row(InvalidInputError, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT"),
    _Row(NotFoundError, grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    _Row(AlreadyExistsError, grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS"),
    _Row(WrongStateError, grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE"),
    _Row(UnavailableError, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    _Row(BusyError, grpc.StatusCode.RESOURCE_EXHAUSTED, "BUSY"),
    _Row(StorageFullError, grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"),
    _Row(DataCorruptionError, grpc.StatusCode.DATA_LOSS, "DATA_CORRUPTION"),
    _Row(CancelledError, grpc.StatusCode.CANCELLED, "CANCELLED"),
    _Row(PeerFailedError, grpc.StatusCode.INTERNAL, "INTERNAL"),
    _Row(SaggarError, grpc.StatusCode.UNKNOWN, "ERROR"),
)
# Statuses that gRPC itself or a foreign peer sends and no domain error of ours becomes.
_FOREIGN: dict[grpc.StatusCode, type[SaggarError]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
    grpc.StatusCode.ABORTED: UnavailableError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidInputError,
    grpc.StatusCode.PERMISSION_DENIED: WrongStateError,
    grpc.StatusCode.UNAUTHENTICATED: WrongStateError,
    grpc.StatusCode.UNIMPLEMENTED: WrongStateError,
}


def status_of(error: BaseException) -> status_pb2.Status:
    """The status that a server sends for `error`.

    An error that is not a SaggarError becomes INTERNAL with a correlation id; its text and traceback go to
    the log only.
    """
    if not isinstance(error, SaggarError):
        correlation_id = uuid.uuid4().hex[:12]
        log.error("internal error, correlation id %s", correlation_id, exc_info=error)
        error = PeerFailedError(
            f"internal error; the service's log has the details under correlation id {correlation_id}",
            correlation_id,
        )
    row = next(row for kind in type(error).__mro__ for row in TABLE if row.error is kind)
    info = error_details_pb2.ErrorInfo(reason=row.reason, domain=DOMAIN)
    details: list[Message] = [info]
    violations: tuple[FieldViolation, ...] = ()
    if isinstance(error, InvalidInputError):
        violations = error.violations
    elif isinstance(error, NotFoundError) and error.name:
        details.append(error_details_pb2.ResourceInfo(resource_name=error.name[:500]))
    elif isinstance(error, BusyError):
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    elif isinstance(error, PeerFailedError) and error.correlation_id:
        info.metadata["correlation_id"] = error.correlation_id
    return _within_budget(_number(row.code), str(error), details, violations)


def domain_error(error: grpc.RpcError, hint: str = "") -> SaggarError:
    """The domain error that `error`, raised by a call, stands for: what the peer raised, where it was one of
    ours. `hint` is added where the peer was not reached.
    """
    code = error.code()
    text = (error.details() or "").strip()
    details = _details(error)
    info = next((d for d in details if isinstance(d, error_details_pb2.ErrorInfo)), None)
    if info is not None and info.domain == DOMAIN:
        kind = next((row.error for row in TABLE if row.reason == info.reason), None)
    else:
        kind = None
    if kind is None:
        kind, text = _foreign(code, text, has_retry=any(_is_retry(d) for d in details))
        if hint and code is grpc.StatusCode.UNAVAILABLE:
            text = f"{text}; {hint}"
    return SaggarError.from_json({"kind": kind.__name__, "message": text, **_as_json(details)})


def error_of(code: int, message: str, retry_after_s: float = 0.0) -> SaggarError:
    """The domain error of a status that came inside of a message: its number, as in google.rpc.Code, and its text."""
    kind = next((row.error for row in TABLE if _number(row.code) == code), SaggarError)
    details = {"retry_after_s": retry_after_s} if retry_after_s else {}
    return SaggarError.from_json({"kind": kind.__name__, "message": message, **details})


def _foreign(code: grpc.StatusCode, text: str, *, has_retry: bool) -> tuple[type[SaggarError], str]:
    """Class and text of a status that carries no details of ours."""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and not has_retry and "larger than max" in text:
        remedy = "send less, or raise SAGGAR_MAX_MESSAGE_MIB on both sides"
        return InvalidInputError, f"the message is too large ({text}); {remedy}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return (
            UnavailableError,
            f"no answer in time ({text or 'deadline exceeded'}); try again, or allow more time",
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return (
            WrongStateError,
            f"the peer does not know this call ({text}); install the same version on both sides",
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return (
            UnavailableError,
            f"the peer cannot be reached ({text}); check that it runs and that its address is right",
        )
    if code is grpc.StatusCode.CANCELLED and text != _OUR_OWN_CANCEL:
        return (
            UnavailableError,
            f"the peer dropped the call ({text or 'cancelled'}), as it does when it stops or is flooded; try again",
        )
    kind = next((row.error for row in TABLE if row.code is code), _FOREIGN.get(code, SaggarError))
    return kind, text or code.name


def _within_budget(
    code: int, text: str, details: list[Message], violations: tuple[FieldViolation, ...]
) -> status_pb2.Status:
    """A status that fits into the headers: the message is cut, and violations that don't fit are counted."""
    message = _cut(text, _MESSAGE_BUDGET)
    kept = list(violations)
    while True:
        left_out = len(violations) - len(kept)
        shown = [*kept, FieldViolation("", f"and {left_out} more")] if left_out else kept
        bad = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=_cut(v.field, 300), description=_cut(v.description, 600)
                )
                for v in shown
            ]
        )
        status = status_pb2.Status(
            code=code, message=message, details=[_packed(d) for d in [*details, *([bad] if shown else [])]]
        )
        if not kept or status.ByteSize() <= _STATUS_BUDGET:
            if left_out or message != text:
                log.warning("error cut to fit its headers, whole: %s %s", text, violations)
            return status
        kept = kept[: len(kept) * 3 // 4]


def _cut(text: str, budget: int) -> str:
    """`text`, shortened so that it takes at most `budget` bytes as a header (percent-encoded)."""
    if len(quote(text, safe=" ")) <= budget:
        return text
    kept = text[:budget]
    while len(quote(kept, safe=" ")) > budget - 60:
        kept = kept[: len(kept) * 9 // 10]
    return f"{kept} ... (cut; the service's log has all)"


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _number(code: grpc.StatusCode) -> int:
    return int(code.value[0])  # type: ignore[index,call-overload,unused-ignore]


def _details(error: grpc.RpcError) -> list[Message]:
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type,unused-ignore]
    except (ValueError, AttributeError):  # a foreign peer whose details contradict its status
        status = None
    if status is None:
        return []
    known: tuple[type[Message], ...] = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.ResourceInfo,
        error_details_pb2.RetryInfo,
    )
    found: list[Message] = []
    for packed in status.details:
        for kind in known:
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found.append(message)
    return found


def _as_json(details: list[Message]) -> dict[str, Any]:
    """What the details say, by the names of `SaggarError.from_json`."""
    values: dict[str, Any] = {}
    for detail in details:
        match detail:
            case error_details_pb2.BadRequest():
                values["violations"] = [
                    {"field": one.field, "description": one.description} for one in detail.field_violations
                ]
            case error_details_pb2.ResourceInfo():
                values["name"] = detail.resource_name
            case error_details_pb2.RetryInfo():
                values["retry_after_s"] = detail.retry_delay.ToMilliseconds() / 1000
            case error_details_pb2.ErrorInfo() if "correlation_id" in detail.metadata:
                values["correlation_id"] = detail.metadata["correlation_id"]
    return values


def _is_retry(detail: Message) -> bool:
    return isinstance(detail, error_details_pb2.RetryInfo)
