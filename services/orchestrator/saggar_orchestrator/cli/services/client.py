"""The command line's connections to the services of its home."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from saggar.errors import UnavailableError
from saggar.rpc.channel import open_channel, wait_ready
from saggar.v1 import classifier_pb2_grpc, orchestrator_pb2_grpc

from saggar_orchestrator.cli.terminal.output import say
from saggar_orchestrator.cli.terminal.progress_line import spinner
from saggar_orchestrator.local.home import Home

_STARTING_S = 180.0  # services that were started a moment ago still load their libraries


@contextlib.contextmanager
def orchestrator(home: Home) -> Iterator[Any]:
    """A stub of the orchestrator of this home; UnavailableError when none runs."""
    with open_channel(_ready(home, "orchestrator")) as channel:
        make: Any = orchestrator_pb2_grpc.OrchestratorServiceStub
        yield make(channel)


@contextlib.contextmanager
def classifier(home: Home) -> Iterator[Any]:
    """A stub of the classifier of this home; UnavailableError when none runs."""
    with open_channel(_ready(home, "classifier")) as channel:
        make: Any = classifier_pb2_grpc.ClassifierServiceStub
        yield make(channel)


def _ready(home: Home, service: str) -> str:
    """The service's address, once it serves there; says so when that takes a while."""
    address = home.address(service)
    try:
        wait_ready(address, 2.0)
    except UnavailableError:
        say(f"waiting for the {service} at {address} to be ready")
        with spinner(f"waiting for the {service}"):
            wait_ready(address, _STARTING_S)
    return address
