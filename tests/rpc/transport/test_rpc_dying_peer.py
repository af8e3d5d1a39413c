"""Calls to a peer that dies while they connect: every one ends, with an error that says so."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from saggar.errors import SaggarError, UnavailableError
from saggar.rpc.channel import call_stream, open_channel
from saggar.v1 import orchestrator_pb2_grpc
from saggar.v1.orchestrator_pb2 import ListExperimentsRequest, WatchExperimentRequest

SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # the frame with which a server of HTTP/2 begins
CALLS = 24
RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def dying() -> Iterator[str]:
    """The address of a server that says hello, and is gone at another moment of the next millisecond each time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_die_again_and_again, args=(listening,), daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def _die_again_and_again(listening: socket.socket) -> None:
    number = 0
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # the test is over
            return
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(SETTINGS)
            number += 1
            time.sleep(number % 10 / 1e4)


def _ask_for_list(channel: grpc.Channel) -> None:
    orchestrator_pb2_grpc.OrchestratorServiceStub(channel).ListExperiments(ListExperimentsRequest())


def _watch(channel: grpc.Channel) -> None:
    stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
    list(call_stream(stub.WatchExperiment, WatchExperimentRequest(), attempts=2, idle_timeout_s=5))


@pytest.mark.parametrize("ask", [_ask_for_list, _watch])
def test_a_call_to_a_peer_that_dies_as_it_connects_ends(dying, ask):
    """With gRPC's own retries a third of them hung, and not even cancelling ended them."""

    found: list[SaggarError] = []

    def call() -> None:
        with open_channel(dying) as channel:
            try:
                ask(channel)
            except SaggarError as error:
                found.append(error)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 40
    for thread in threads:
        thread.join(deadline - time.monotonic())
    assert [type(error) for error in found] == [UnavailableError] * CALLS
