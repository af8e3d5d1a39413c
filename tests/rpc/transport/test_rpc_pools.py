"""No kind of call locks out another; what there is no room for is refused at once; the dead cost no work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from rig import Rig
from saggar.errors import BusyError, InvalidInputError, UnavailableError
from saggar.rpc.errors import domain_error
from saggar.rpc.serving import pools
from saggar.rpc.serving.server import cancellation, start_server
from saggar.settings import ServiceSettings
from saggar.v1.orchestrator_pb2 import (
    ListExperimentsRequest,
    ListExperimentsResponse,
    WatchExperimentRequest,
    WatchExperimentResponse,
)


def endless(_request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    yield WatchExperimentResponse()
    cancellation(context).wait(120)


def opened(stub: Any, count: int) -> list[Any]:
    streams = [stub.WatchExperiment(WatchExperimentRequest(), timeout=120) for _ in range(count)]
    for stream in streams:
        next(stream)
    return streams


def healthy(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=60)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def test_seventy_streams_lock_out_neither_calls_nor_health(rig: Rig) -> None:
    rig.servicer.watch = endless
    address = rig.start().address
    streams = opened(rig.raw_stub(address), 70)
    rig.raw_stub(address).ListExperiments(ListExperimentsRequest(), timeout=60)
    assert healthy(address)
    for stream in streams:
        stream.cancel()


def test_a_stream_too_many_is_refused_at_once_with_the_delay_to_wait(rig: Rig) -> None:
    rig.servicer.watch = endless
    address = rig.start(max_streams=3).address
    streams = opened(rig.raw_stub(address), 3)
    started = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        next(rig.raw_stub(address).WatchExperiment(WatchExperimentRequest(), timeout=60))
    assert time.monotonic() - started < 30
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(caught.value)
    assert any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in status.details)
    assert str(domain_error(caught.value)).startswith("this replica has 3 streams open")
    streams[0].cancel()
    deadline = time.monotonic() + 30
    while True:  # the place of the stream that went is free again
        try:
            opened(rig.raw_stub(address), 1)[0].cancel()
        except grpc.RpcError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            break
    for stream in streams:
        stream.cancel()


@pytest.fixture
def two_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers with room for one running and one waiting call."""
    monkeypatch.setattr(pools, "_CALL_THREADS", 1)
    monkeypatch.setattr(pools, "_CALLS_WAITING", 1)


@pytest.mark.usefixtures("two_calls")
def test_a_call_too_many_is_refused_at_once_while_health_and_streams_go_on(rig: Rig) -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(_: grpc.ServicerContext) -> Any:
        begun.set()
        release.wait(60)
        return ListExperimentsResponse()

    rig.servicer.list_experiments = slow
    rig.servicer.watch = endless
    address = rig.start().address
    stub = rig.raw_stub(address)
    first = stub.ListExperiments.future(ListExperimentsRequest(), timeout=60)
    assert begun.wait(60)
    second = stub.ListExperiments.future(ListExperimentsRequest(), timeout=60)
    deadline = time.monotonic() + 30
    while True:
        refused = stub.ListExperiments.future(ListExperimentsRequest(), timeout=0.3)
        if refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            break
        assert time.monotonic() < deadline, refused.code()
    with pytest.raises(BusyError, match="2 calls in hand"):
        rig.stub(address, attempts=1).ListExperiments(ListExperimentsRequest())
    assert healthy(address)
    opened(rig.raw_stub(address), 1)[0].cancel()
    release.set()
    assert first.result() == second.result() == ListExperimentsResponse()


@pytest.mark.usefixtures("two_calls")
def test_a_call_whose_caller_went_while_it_waited_costs_no_work(rig: Rig) -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(_: grpc.ServicerContext) -> Any:
        begun.set()
        release.wait(60)
        return ListExperimentsResponse()

    rig.servicer.list_experiments = slow
    stub = rig.raw_stub()
    first = stub.ListExperiments.future(ListExperimentsRequest(), timeout=60)
    assert begun.wait(60)
    waiting = stub.ListExperiments.future(ListExperimentsRequest(), timeout=0.3)
    assert waiting.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    release.set()
    first.result()
    stub.ListExperiments(ListExperimentsRequest(), timeout=60)
    assert len(rig.servicer.calls) == 2


class Gate(grpc.ServerInterceptor):
    """Keeps the one thread that accepts calls from accepting any, as too few processors do."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def intercept_service(self, continuation: Any, handler_call_details: grpc.HandlerCallDetails) -> Any:
        self.open.wait(60)
        return continuation(handler_call_details)


def test_a_flood_that_is_not_accepted_in_time_is_refused_and_never_cancelled(rig: Rig) -> None:
    """gRPC drops calls at random, as CANCELLED, once 1,000 wait to be accepted, of whoever asks."""
    gate = Gate()
    rig.servers.append(start_server(rig.servicer.register, ServiceSettings(), interceptors=[gate]))
    calls = []
    for _ in range(8):  # each on a connection of its own
        channel = grpc.insecure_channel(rig.servers[-1].address, [("grpc.use_local_subchannel_pool", 1)])
        rig.channels.append(channel)
        method = channel.unary_unary("/saggar.v1.OrchestratorService/ListExperiments")
        calls += [method.future(b"", timeout=120) for _ in range(500)]
    time.sleep(1)  # while they come and wait
    gate.open.set()
    codes = {call.code() for call in calls}
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert grpc.StatusCode.OK in codes


def test_a_call_that_the_peer_drops_is_worth_another_try_and_never_taken_for_our_own_wish(rig: Rig) -> None:
    """Other servers of gRPC drop calls too when they are flooded or stop; the drop says no more than its code."""

    def drop(context: grpc.ServicerContext) -> Any:
        context._rpc_event.call.cancel()
        return ListExperimentsResponse()

    rig.servicer.list_experiments = drop
    address = rig.start().address
    with pytest.raises(grpc.RpcError) as raw:
        rig.raw_stub(address).ListExperiments(ListExperimentsRequest(), timeout=60)
    assert raw.value.code() is grpc.StatusCode.CANCELLED
    with pytest.raises(UnavailableError, match="dropped the call"):
        rig.stub(address).ListExperiments(ListExperimentsRequest())


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\xff", b"\x08"])
def test_bytes_that_are_no_message_are_the_callers_fault(rig: Rig, data: bytes) -> None:
    address = rig.start().address
    with grpc.insecure_channel(address) as channel:
        unary = channel.unary_unary("/saggar.v1.OrchestratorService/ListExperiments")
        with pytest.raises(grpc.RpcError) as caught:
            unary(data, timeout=60)
        stream = channel.unary_stream("/saggar.v1.OrchestratorService/WatchExperiment")
        with pytest.raises(grpc.RpcError) as streamed:
            next(stream(data, timeout=60))
    for error in (caught.value, streamed.value):
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert isinstance(domain_error(error), InvalidInputError)
        assert "is not a message of this method" in error.details()
    assert rig.servicer.calls == []


def test_a_stream_that_its_caller_leaves_has_its_line_in_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    def one_more_to_nobody(_request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield WatchExperimentResponse()
        while context.is_active():
            time.sleep(0.01)
        yield WatchExperimentResponse()

    rig.servicer.watch = one_more_to_nobody
    with caplog.at_level(logging.INFO, "saggar.rpc.serving.interceptor"):
        call = rig.stub().WatchExperiment(WatchExperimentRequest())
        next(call)
        call.cancel()
        deadline = time.monotonic() + 5
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [message.rpartition(" s ")[2] for message in caplog.messages] == ["left by the client"]
