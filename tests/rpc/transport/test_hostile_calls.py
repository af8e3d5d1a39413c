"""More than 500 hostile requests to all five services: each has a sensible status, and honest callers are served.

`bench/services/hostile.py` is the long form.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from hostile_calls import SERVICES, Fleet, answer, hostile_calls
from saggar.rpc.refs import ref_to_proto
from saggar.v1 import orchestrator_pb2, orchestrator_pb2_grpc

pytestmark = pytest.mark.slow
MESSAGES = 15  # with hostile fields, to each method


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    for package in ("torch", "diffusers", "dbos"):
        pytest.importorskip(package)
    with Fleet(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.mark.timeout(900)
def test_every_hostile_request_has_a_sensible_answer(fleet: Fleet) -> None:
    known = ref_to_proto(fleet.put_text())
    wrong: list[str] = []
    count = 0
    before = {name: fleet.memory_mib(name) for name in SERVICES}
    with ExitStack() as stack:
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        for name in SERVICES:
            channel = stack.enter_context(grpc.insecure_channel(fleet.addresses[name], options))
            for call in hostile_calls(name, MESSAGES, known=known):
                code, text = answer(channel, call)
                count += 1
                if code not in call.right:
                    wrong.append(f"{call.method} {call.kind}: {code.name} {text[:200]!r} {call.data[:60]!r}")
            assert fleet.processes[name].poll() is None, fleet.log(name)[-2000:]
    assert count >= 500
    assert wrong == []
    grown = {name: fleet.memory_mib(name) - before[name] for name in SERVICES}
    assert max(grown.values()) < 400, grown


def test_memory_stays_flat_once_all_callers_are_gone(fleet: Fleet) -> None:
    """Work that nobody waits for ends: a file without an end, read for a caller who left, took 11 GB."""
    time.sleep(2)
    before = {name: fleet.memory_mib(name) for name in SERVICES}
    time.sleep(5)
    grown = {name: fleet.memory_mib(name) - before[name] for name in SERVICES}
    assert max(grown.values()) < 100, grown


def test_a_storm_of_calls_that_are_cancelled_harms_nobody(fleet: Fleet) -> None:
    address = fleet.addresses["orchestrator"]
    stop = threading.Event()

    def storm() -> None:
        with grpc.insecure_channel(address) as channel:
            stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
            while not stop.is_set():
                calls = [stub.ListExperiments.future(orchestrator_pb2.ListExperimentsRequest()) for _ in range(20)]
                for call in calls:
                    call.cancel()

    threads = [threading.Thread(target=storm) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
            served = 0
            deadline = time.monotonic() + 60
            while served < 20 and time.monotonic() < deadline:
                call = stub.ListExperiments.future(orchestrator_pb2.ListExperimentsRequest(), timeout=60)
                if call.code() is grpc.StatusCode.OK:
                    served += 1
                else:  # asked to try again, at once
                    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, call.details()
                    time.sleep(0.05)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert served == 20
    assert fleet.processes["orchestrator"].poll() is None


def test_slow_senders_do_not_keep_health_from_answering(fleet: Fleet, tmp_path: Path) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    address = fleet.addresses["classifier"]
    silence = threading.Event()

    def never() -> Iterator[bytes]:
        silence.wait(300)
        yield from ()

    with grpc.insecure_channel(address) as channel, grpc.insecure_channel(address) as honest:
        method = channel.stream_unary("/saggar.v1.ClassifierService/Classify")
        held = [method.future(never(), timeout=300) for _ in range(40)]
        time.sleep(0.5)
        answered = health_pb2_grpc.HealthStub(honest).Check(health_pb2.HealthCheckRequest(service="live"), timeout=60)
        assert answered.status == health_pb2.HealthCheckResponse.SERVING
        for call in held:
            call.cancel()
        silence.set()
