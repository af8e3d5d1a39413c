"""The command line's connections to services: those of its home, or those that run elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from saggar.errors import UnavailableError
from saggar.rpc.channel import client_tls, open_channel, wait_ready

from saggar_orchestrator.cli.terminal.output import command_settings, say
from saggar_orchestrator.cli.terminal.progress_line import spinner
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    import grpc
    from saggar.client import Classifier

    from saggar_orchestrator.peers.peers import Peers

_STARTING_S = 180.0  # services that were started a moment ago still load their libraries
_ELSEWHERE_S = 15.0  # those that run elsewhere are there, or the address is wrong


@contextlib.contextmanager
def orchestrator(home: Home) -> Iterator[Any]:
    """A stub of the orchestrator of this home; UnavailableError when none runs."""
    from saggar.v1 import orchestrator_pb2_grpc

    with channel_to(home, "orchestrator") as channel:
        _wait_ready(home, "orchestrator")
        make: Any = orchestrator_pb2_grpc.OrchestratorServiceStub
        yield make(channel)


@contextlib.contextmanager
def classifier(home: Home, api_key: str = "") -> Iterator[Any]:
    """A stub of the classifier of this home; UnavailableError when none runs."""
    from saggar.v1 import classifier_pb2_grpc

    with channel_to(home, "classifier", api_key) as channel:  # before the wait, by which nothing bad gets better
        _wait_ready(home, "classifier")
        make: Any = classifier_pb2_grpc.ClassifierServiceStub
        yield make(channel)


def classifier_client(home: Home, api_key: str = "") -> Classifier:
    """The client for catalogue systems, of the classifier of this home; UnavailableError when none runs."""
    from saggar.client import Classifier

    found = command_settings()
    key = api_key or found.keys()["classifier"]
    _wait_ready(home, "classifier")
    return Classifier(home.address("classifier"), tls=client_tls(found), api_key=key)


def channel_to(home: Home, service: str, api_key: str = "") -> grpc.Channel:
    """A channel to a service of this home, encrypted where SAGGAR_TLS_CA is set; close it after use.

    `api_key`: in place of the one of the environment.
    """
    found = command_settings()
    return open_channel(home.address(service), tls=client_tls(found), api_key=api_key or found.keys().get(service, ""))


def peers(home: Home, services: tuple[str, ...], patience_s: float) -> Peers:
    """Services of this home, to be called with patience."""
    from saggar_orchestrator.peers.peers import Peers

    found = command_settings()
    return Peers({name: home.address(name) for name in services}, patience_s, found.keys(), client_tls(found))


def _wait_ready(home: Home, service: str) -> None:
    """Until the service serves; says so when that takes a while."""
    address, tls = home.address(service), client_tls(command_settings())
    try:
        wait_ready(address, 2.0, tls=tls)
    except UnavailableError:
        say(f"waiting for the {service} at {address} to be ready")
        with spinner(f"waiting for the {service}"):
            wait_ready(address, _ELSEWHERE_S if service in home.servers else _STARTING_S, tls=tls)
