"""Proxies, names with several addresses, and pings: what real networks do to a channel."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rig import Rig
from saggar.errors import UnavailableError
from saggar.rpc.channel import open_channel
from saggar.rpc.serving import server
from saggar.rpc.targets import RenewingChannel, is_local, is_name, proxy_hint
from saggar.v1 import orchestrator_pb2_grpc
from saggar.v1.orchestrator_pb2 import (
    ListExperimentsRequest,
    Step,
    WatchExperimentRequest,
    WatchExperimentResponse,
)

PROXY = "http://user:secret@127.0.0.1:9"


@pytest.mark.parametrize("variable", ["http_proxy", "grpc_proxy", "https_proxy"])
def test_this_machine_is_never_asked_through_a_proxy(rig: Rig, variable: str) -> None:
    code = f"from saggar.rpc.channel import wait_ready; wait_ready({rig.start().address!r}, 20)"
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | {variable: PROXY}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("target", "local", "name"),
    [
        ("127.0.0.1:50051", True, False),
        ("127.9.9.9:50051", True, False),
        ("localhost:50051", True, False),
        ("[::1]:50051", True, False),
        ("dns:///localhost:50051", True, False),
        ("unix:///run/saggar.sock", True, False),
        ("ipv4:10.0.0.7:50051", False, False),
        ("10.0.0.7:50051", False, False),
        ("[2001:db8::7]:50051", False, False),
        ("generator:50051", False, True),
        ("dns:///generator:50051", False, True),
        ("dns://10.0.0.1:53/generator:50051", False, True),
        ("localhost.example.org:50051", False, True),
    ],
)
def test_where_a_target_is(target: str, local: bool, name: bool) -> None:
    assert (is_local(target), is_name(target)) == (local, name)


def test_a_proxy_on_the_way_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "no_grpc_proxy", "grpc_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", PROXY)
    with open_channel("generator.test:50051", attempts=1) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(UnavailableError, match=r"no_proxy=generator\.test") as caught:
            stub.Check(health_pb2.HealthCheckRequest(), timeout=60)
    assert "proxy 127.0.0.1:9, because of http_proxy" in str(caught.value)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("no_proxy", "elsewhere.org, .test")
    assert proxy_hint("generator.test:50051") == ""


def test_a_call_stays_with_the_channel_that_it_began_on(rig: Rig) -> None:
    release = threading.Event()

    def watch(_request: Any, _context: grpc.ServicerContext) -> Iterator[Any]:
        yield WatchExperimentResponse(step=Step(position=1))
        release.wait(60)
        yield WatchExperimentResponse(step=Step(position=2))

    rig.servicer.watch = watch
    address = rig.start().address
    made: list[int] = []

    def connect() -> grpc.Channel:
        made.append(1)
        return grpc.insecure_channel(address)

    with RenewingChannel(connect, renewed_after_s=0.0) as channel:
        long = orchestrator_pb2_grpc.OrchestratorServiceStub(channel).WatchExperiment(WatchExperimentRequest())
        assert next(long).step.position == 1
        for _ in range(5):
            orchestrator_pb2_grpc.OrchestratorServiceStub(channel).ListExperiments(ListExperimentsRequest())
        release.set()
        assert next(long).step.position == 2
    assert len(made) >= 6


def test_channels_that_were_replaced_leave_nothing_open(rig: Rig) -> None:
    address = rig.start().address
    with RenewingChannel(lambda: grpc.insecure_channel(address), renewed_after_s=0.0) as channel:

        def call() -> int:
            orchestrator_pb2_grpc.OrchestratorServiceStub(channel).ListExperiments(ListExperimentsRequest())
            return sum(1 for _ in Path("/proc/self/fd").iterdir()) + threading.active_count()

        first = [call() for _ in range(20)][-1]
        assert [call() for _ in range(200)][-1] <= first + 5


class Names:
    """A DNS server for one name, whose addresses a test changes."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self) -> None:
        while True:
            try:
                asked, peer = self.socket.recvfrom(512)
            except OSError:
                return
            end = asked.index(b"\0", 12) + 5
            found = self.addresses if struct.unpack(">H", asked[end - 4 : end - 2])[0] == 1 else []
            answers = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(each) for each in found)
            head = asked[:2] + b"\x81\x80\0\1" + struct.pack(">H", len(found)) + b"\0\0\0\0"
            self.socket.sendto(head + asked[12:end] + answers, peer)


@pytest.mark.slow
def test_a_new_replica_of_a_name_gets_work_within_30_s(rig: Rig) -> None:
    first = rig.start()
    port = first.address.rpartition(":")[2]
    names = Names("127.0.0.1")
    calls: list[str] = []
    rig.servicer.list_experiments = lambda context: calls.append(context.peer()) or _nothing()
    joined = Rig()
    joined_server = joined.start(listen=f"127.0.0.2:{port}")
    stub = rig.stub(f"dns://127.0.0.1:{names.port}/generator.test:{port}")
    stub.ListExperiments(ListExperimentsRequest())
    names.addresses.append("127.0.0.2")
    started = time.monotonic()
    while not joined.servicer.calls and time.monotonic() - started < 30:
        stub.ListExperiments(ListExperimentsRequest())
        time.sleep(0.2)
    joined_server.stop()
    names.socket.close()
    assert joined.servicer.calls, "30 s and no call"


def _nothing() -> Any:
    from saggar.v1.orchestrator_pb2 import ListExperimentsResponse

    return ListExperimentsResponse()


def test_an_idle_client_that_pings_is_not_thrown_out_and_one_that_pings_too_often_is(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In HTTP/2 itself and in a tenth of the time, for gRPC's own clients ping every 10 s at most."""
    assert server._BETWEEN_PINGS_MS < 10_000
    monkeypatch.setattr(server, "_BETWEEN_PINGS_MS", 500)
    address = rig.start().address
    assert answers_to_pings(address, 4, every_s=0.55) == 4
    with pytest.raises(ConnectionError):
        answers_to_pings(address, 10, every_s=0.0, wait_for=1000)


def answers_to_pings(address: str, count: int, every_s: float, wait_for: int = 0) -> int:
    """How often `count` pings of an idle client are answered; it waits for so many answers, or for `wait_for`.
    ConnectionError where it is thrown out.
    """
    host, _, port = address.rpartition(":")
    received = bytearray()
    with socket.create_connection((host, int(port)), timeout=60) as wire:
        wire.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        for number in range(count):
            time.sleep(every_s)
            wire.sendall(b"\0\0\x08\6\0\0\0\0\0" + bytes([number] * 8))
        while (found := list(_frames(bytes(received))).count(6)) < (wait_for or count):
            if not (piece := wire.recv(4096)):
                raise ConnectionError("closed by the server")
            received += piece
    return found


def _frames(data: bytes) -> Iterator[int]:
    """Types of HTTP/2 frames: 6 is an answer to a ping."""
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        yield data[3]
        data = data[9 + size :]
