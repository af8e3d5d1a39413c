"""The channel: retry, streams that start again, idle peers, deadlines."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from rig import Rig
from saggar.errors import CancelledError, InvalidInputError, UnavailableError
from saggar.rpc.channel import call_stream, open_channel, wait_ready
from saggar.rpc.serving.server import cancellation
from saggar.v1.orchestrator_pb2 import (
    ListExperimentsRequest,
    ListExperimentsResponse,
    Step,
    WatchExperimentRequest,
    WatchExperimentResponse,
)


def step(position: int) -> WatchExperimentResponse:
    return WatchExperimentResponse(step=Step(position=position))


def test_a_unary_call_is_tried_again_while_the_peer_is_unavailable(rig: Rig) -> None:
    def answer(_: grpc.ServicerContext) -> Any:
        if len(rig.servicer.calls) < 3:
            raise UnavailableError("not yet")
        return ListExperimentsResponse()

    rig.servicer.list_experiments = answer
    rig.stub().ListExperiments(ListExperimentsRequest())
    assert rig.servicer.calls == ["list"] * 3


def test_a_unary_call_gives_up_in_the_end(rig: Rig) -> None:
    def answer(_: grpc.ServicerContext) -> Any:
        raise UnavailableError("never; look at it")

    rig.servicer.list_experiments = answer
    with pytest.raises(UnavailableError, match="never; look at it"):
        rig.stub(attempts=2).ListExperiments(ListExperimentsRequest())
    assert rig.servicer.calls == ["list"] * 2


def test_a_unary_call_has_a_deadline_of_its_own(rig: Rig) -> None:
    def answer(context: grpc.ServicerContext) -> Any:
        cancellation(context).wait(20)
        return ListExperimentsResponse()

    rig.servicer.list_experiments = answer
    with pytest.raises(UnavailableError, match="no answer in time"):
        rig.stub(timeout_s=0.2).ListExperiments(ListExperimentsRequest())


def test_nobody_there_is_unavailable(rig: Rig) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be reached.*check that it runs"):
        rig.stub("127.0.0.1:1", attempts=1).ListExperiments(ListExperimentsRequest())
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 was not ready within 0\.3 s"):
        wait_ready("127.0.0.1:1", 0.3)


def test_a_key_that_no_call_can_carry_is_refused_at_once_and_not_shown() -> None:
    for key in ("ключ", "quiet\n", "quiet key", "quiet\x7f"):
        with pytest.raises(InvalidInputError, match=r"^api_key: has a") as caught:
            open_channel("127.0.0.1:1", api_key=key)
        assert "quiet" not in str(caught.value)


def test_a_stream_goes_on_after_its_server_was_killed_and_started_again(rig: Rig) -> None:
    killed = threading.Event()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield step(0)
        if not killed.is_set():
            cancellation(context).wait(20)
            return
        yield step(1)

    rig.servicer.watch = watch
    first = rig.start()
    seen = call_stream(
        rig.stub(first.address).WatchExperiment, WatchExperimentRequest(experiment_id="one"), timeout_s=60
    )
    assert next(seen) == step(0)
    first.stop()
    killed.set()
    rig.start(listen=first.address)
    assert list(seen) == [step(0), step(1)]
    assert rig.servicer.calls == ["watch one", "watch one"]


def test_a_stream_that_a_stopping_server_cancels_goes_on_elsewhere(rig: Rig) -> None:
    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield step(len(rig.servicer.calls))
        if len(rig.servicer.calls) == 1:
            cancellation(context).wait(20)
            raise CancelledError("cancelled by the caller")

    rig.servicer.watch = watch
    first = rig.start()
    seen = call_stream(rig.stub(first.address).WatchExperiment, WatchExperimentRequest(), timeout_s=60)
    assert next(seen) == step(1)
    first.stop(0.1)
    rig.start(listen=first.address)
    assert list(seen) == [step(2)]


def test_a_call_that_we_cancel_is_cancelled_not_tried_again(rig: Rig) -> None:
    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield step(0)
        cancellation(context).wait(20)

    rig.servicer.watch = watch
    stub = rig.stub()
    calls: list[Any] = []

    def method(request: Any, timeout: float | None) -> Any:
        calls.append(stub.WatchExperiment(request, timeout=timeout))
        return calls[-1]

    seen = call_stream(method, WatchExperimentRequest())
    next(seen)
    calls[0].cancel()
    with pytest.raises(CancelledError):
        next(seen)
    assert len(calls) == 1


def test_a_stream_gives_up_after_attempts_without_any_message(rig: Rig) -> None:
    def watch(*_: Any) -> Iterator[Any]:
        if len(rig.servicer.calls) == 1:
            yield step(0)
        raise UnavailableError("store down")

    rig.servicer.watch = watch
    stub = rig.stub(attempts=1)
    seen = []
    with pytest.raises(UnavailableError, match="store down"):
        seen += call_stream(stub.WatchExperiment, WatchExperimentRequest(), attempts=2)
    assert len(rig.servicer.calls) == 2


def test_a_stream_is_not_tried_again_for_an_error_that_stays(rig: Rig) -> None:
    def watch(*_: Any) -> Iterator[Any]:
        yield step(0)
        raise InvalidInputError("bad")

    rig.servicer.watch = watch
    with pytest.raises(InvalidInputError):
        list(call_stream(rig.stub().WatchExperiment, WatchExperimentRequest()))
    assert len(rig.servicer.calls) == 1


def test_a_silent_peer_is_given_up(rig: Rig) -> None:
    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield step(0)
        cancellation(context).wait(20)

    rig.servicer.watch = watch
    seen = call_stream(rig.stub().WatchExperiment, WatchExperimentRequest(), idle_timeout_s=0.3, attempts=1)
    assert next(seen) == step(0)
    with pytest.raises(UnavailableError, match=r"silent for 0\.3 s"):
        next(seen)


def test_a_slow_reader_is_not_a_silent_peer(rig: Rig) -> None:
    rig.servicer.watch = lambda *_: iter([step(0), step(1)])
    seen = call_stream(rig.stub().WatchExperiment, WatchExperimentRequest(), idle_timeout_s=0.2, attempts=1)
    assert next(seen) == step(0)
    threading.Event().wait(0.5)
    assert list(seen) == [step(1)]


def test_leaving_the_iteration_cancels_the_work(rig: Rig) -> None:
    gone = threading.Event()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        assert context.add_callback(gone.set)
        yield step(0)
        gone.wait(120)

    rig.servicer.watch = watch
    for _ in call_stream(rig.stub().WatchExperiment, WatchExperimentRequest()):
        break
    assert gone.wait(60)


def test_calls_go_round_all_replicas(rig: Rig) -> None:
    counts = {}
    from rig import Orchestrator
    from saggar.rpc.serving.server import start_server

    for name in "ab":
        servicer = Orchestrator()
        counts[name] = servicer.calls
        rig.servers.append(start_server(servicer.register))
    ports = ",".join(server.address for server in rig.servers)
    stub = rig.stub(f"ipv4:{ports}")
    for _ in range(10):
        stub.ListExperiments(ListExperimentsRequest())
    assert min(len(calls) for calls in counts.values()) >= 3
