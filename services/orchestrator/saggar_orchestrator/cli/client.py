"""The command line's connections to the services of its home."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from saggar.rpc.channel import open_channel
from saggar.v1 import classifier_pb2_grpc, orchestrator_pb2_grpc

from saggar_orchestrator.home import Home


@contextlib.contextmanager
def orchestrator(home: Home) -> Iterator[Any]:
    """A stub of the orchestrator of this home; UnavailableError when none runs."""
    with open_channel(home.address("orchestrator")) as channel:
        make: Any = orchestrator_pb2_grpc.OrchestratorServiceStub
        yield make(channel)


@contextlib.contextmanager
def classifier(home: Home) -> Iterator[Any]:
    """A stub of the classifier of this home; UnavailableError when none runs."""
    with open_channel(home.address("classifier")) as channel:
        make: Any = classifier_pb2_grpc.ClassifierServiceStub
        yield make(channel)
