"""Domain errors cross the wire: what a servicer raises is what its caller catches."""

import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from rig import Rig
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
from saggar.rpc.errors import TABLE
from saggar.v1.orchestrator_pb2 import (
    ListExperimentsRequest,
    RunExperimentRequest,
    WatchExperimentRequest,
    WatchExperimentResponse,
)

ERRORS = [
    (InvalidInputError("bad row; fix it"), grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError("no experiment x1; list them", "x1"), grpc.StatusCode.NOT_FOUND),
    (AlreadyExistsError("there; choose another"), grpc.StatusCode.ALREADY_EXISTS),
    (WrongStateError("no model is active; activate one"), grpc.StatusCode.FAILED_PRECONDITION),
    (UnavailableError("store down; try again"), grpc.StatusCode.UNAVAILABLE),
    (BusyError("queue full; try again", 7.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (StorageFullError("disk full; free some space"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (DataCorruptionError("checksum; restore"), grpc.StatusCode.DATA_LOSS),
    (CancelledError("cancelled"), grpc.StatusCode.CANCELLED),
    (PeerFailedError("internal error ab12", "ab12"), grpc.StatusCode.INTERNAL),
    (SaggarError("something else"), grpc.StatusCode.UNKNOWN),
]


def raising(error: BaseException) -> Any:
    def call(*_: Any) -> Any:
        raise error

    return call


def raising_after_one(error: BaseException) -> Any:
    def call(*_: Any) -> Iterator[Any]:
        yield WatchExperimentResponse()
        raise error

    return call


def test_the_table_and_these_tests_know_the_same_errors() -> None:
    assert {type(error) for error, _ in ERRORS} == {row.error for row in TABLE}


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=[type(e).__name__ for e, _ in ERRORS])
def test_a_unary_error_is_raised_on_the_other_side(rig: Rig, error: SaggarError, code: grpc.StatusCode) -> None:
    rig.servicer.list_experiments = raising(error)
    address = rig.start().address
    with pytest.raises(SaggarError) as caught:
        rig.stub(address, attempts=1).ListExperiments(ListExperimentsRequest())
    assert_same(caught.value, error)
    with pytest.raises(grpc.RpcError) as raw:
        rig.raw_stub(address).ListExperiments(ListExperimentsRequest(), timeout=60)
    assert (raw.value.code(), raw.value.details()) == (code, str(error))


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=[type(e).__name__ for e, _ in ERRORS])
def test_a_streams_error_is_raised_after_its_messages(rig: Rig, error: SaggarError, code: grpc.StatusCode) -> None:
    rig.servicer.watch = raising_after_one(error)
    address = rig.start().address
    call = rig.stub(address).WatchExperiment(WatchExperimentRequest())
    assert next(call) == WatchExperimentResponse()
    with pytest.raises(SaggarError) as caught:
        next(call)
    assert_same(caught.value, error)
    raw = rig.raw_stub(address).WatchExperiment(WatchExperimentRequest(), timeout=60)
    with pytest.raises(grpc.RpcError) as other:
        list(raw)
    assert (other.value.code(), other.value.details()) == (code, str(error))


def assert_same(caught: SaggarError, raised: SaggarError) -> None:
    assert type(caught) is type(raised)
    assert str(caught) == str(raised)
    for extra in ("name", "retry_after_s", "violations", "correlation_id"):
        assert getattr(caught, extra, None) == getattr(raised, extra, None)


def test_field_violations_survive(rig: Rig) -> None:
    violations = (
        FieldViolation("training.batch_size", "must be above 0"),
        FieldViolation("arms[1].名", "青瓷: unknown"),
    )
    rig.servicer.list_experiments = raising(InvalidInputError("2 problems\n第二", violations))
    with pytest.raises(InvalidInputError) as caught:
        rig.stub().ListExperiments(ListExperimentsRequest())
    assert caught.value.violations == violations
    assert str(caught.value) == "2 problems\n第二"


@pytest.mark.parametrize("letter", ["x", "瓷"])
def test_more_than_headers_hold_is_cut_and_counted(rig: Rig, letter: str) -> None:
    many = tuple(FieldViolation(f"row {n}", letter * 50) for n in range(2000))
    rig.servicer.list_experiments = raising(InvalidInputError(letter * 20_000, many))
    with pytest.raises(InvalidInputError, match="the service's log has all") as caught:
        rig.stub().ListExperiments(ListExperimentsRequest())
    assert str(caught.value).startswith(letter * 100)
    *shown, last = caught.value.violations
    assert shown == list(many[: len(shown)])
    assert len(shown) > 5
    assert last.description == f"and {2000 - len(shown)} more"


@pytest.mark.parametrize("streaming", [False, True])
def test_an_unknown_error_keeps_its_text_to_the_log(
    rig: Rig, streaming: bool, caplog: pytest.LogCaptureFixture
) -> None:
    secret = ValueError("password is hunter2")
    rig.servicer.list_experiments = raising(secret)
    rig.servicer.watch = raising_after_one(secret)
    stub = rig.stub()
    calls = {
        True: lambda: list(stub.WatchExperiment(WatchExperimentRequest())),
        False: lambda: stub.ListExperiments(ListExperimentsRequest()),
    }
    with caplog.at_level(logging.ERROR), pytest.raises(PeerFailedError) as caught:
        calls[streaming]()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" in caplog.text
    assert len(caught.value.correlation_id) == 12
    assert caught.value.correlation_id in str(caught.value)
    assert caught.value.correlation_id in caplog.text


def test_other_clients_find_googles_details(rig: Rig) -> None:
    rig.servicer.list_experiments = raising(BusyError("full", 7.5))
    with pytest.raises(grpc.RpcError) as raw:
        rig.raw_stub().ListExperiments(ListExperimentsRequest(), timeout=60)
    status = rpc_status.from_call(raw.value)
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason) == ("saggar", "BUSY")
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 7500


def test_a_method_that_the_peer_lacks_is_another_version(rig: Rig) -> None:
    with pytest.raises(WrongStateError, match="same version on both sides"):
        rig.stub().RunExperiment(RunExperimentRequest())


def test_a_deadline_is_unavailable(rig: Rig) -> None:
    rig.servicer.watch = lambda _, context: wait_for_end(context)
    with pytest.raises(UnavailableError, match="no answer in time"):
        list(rig.stub().WatchExperiment(WatchExperimentRequest(), timeout=0.2))


def wait_for_end(context: grpc.ServicerContext) -> Iterator[Any]:
    from saggar.rpc.serving.server import cancellation

    cancellation(context).wait(20)
    yield WatchExperimentResponse()


def test_a_message_that_is_too_large_is_told(rig: Rig) -> None:
    address = rig.start(max_message_mib=1).address
    with pytest.raises(InvalidInputError, match=r"too large.*SAGGAR_MAX_MESSAGE_MIB"):
        rig.stub(address).RunExperiment(RunExperimentRequest(specification="x" * 2_000_000))


def test_a_servicers_own_abort_is_left_alone(rig: Rig) -> None:
    rig.servicer.list_experiments = lambda context: context.abort(grpc.StatusCode.OUT_OF_RANGE, "too far")
    with pytest.raises(InvalidInputError, match="too far"):
        rig.stub().ListExperiments(ListExperimentsRequest())


def test_futures_and_with_call_raise_domain_errors_too(rig: Rig) -> None:
    rig.servicer.list_experiments = raising(WrongStateError("wrong"))
    stub = rig.stub()
    with pytest.raises(WrongStateError):
        stub.ListExperiments.future(ListExperimentsRequest()).result()
    with pytest.raises(WrongStateError):
        stub.ListExperiments.with_call(ListExperimentsRequest())
