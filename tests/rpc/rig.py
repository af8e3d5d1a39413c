"""A hand-written orchestrator that does what a test tells it to, behind a real server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from saggar.rpc.channel import open_channel
from saggar.rpc.serving.server import RunningServer, start_server
from saggar.settings import ServiceSettings
from saggar.v1 import orchestrator_pb2, orchestrator_pb2_grpc

SERVICE = "saggar.v1.OrchestratorService"


@dataclass
class Orchestrator(orchestrator_pb2_grpc.OrchestratorServiceServicer):
    """`list_experiments` and `watch` are what its unary and its streaming method do."""

    list_experiments: Callable[[grpc.ServicerContext], Any] = lambda _: orchestrator_pb2.ListExperimentsResponse()
    watch: Callable[[Any, grpc.ServicerContext], Iterator[Any]] = lambda _request, _context: iter(())
    calls: list[str] = field(default_factory=list)

    def ListExperiments(self, _request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 as in the contract
        self.calls.append("list")
        return self.list_experiments(context)

    def WatchExperiment(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        self.calls.append(f"watch {request.experiment_id}")
        yield from self.watch(request, context)

    def register(self, server: grpc.Server) -> list[str]:
        orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(self, server)
        return [SERVICE]


@dataclass
class Rig:
    """One servicer, its servers and the channels to them; all are closed after the test."""

    servicer: Orchestrator = field(default_factory=Orchestrator)
    servers: list[RunningServer] = field(default_factory=list)
    channels: list[grpc.Channel] = field(default_factory=list)

    def start(self, **settings: Any) -> RunningServer:
        server = start_server(self.servicer.register, ServiceSettings(**settings))
        self.servers.append(server)
        return server

    def stub(self, address: str | None = None, **options: Any) -> Any:
        channel = open_channel(address or self.start().address, **options)
        self.channels.append(channel)
        return orchestrator_pb2_grpc.OrchestratorServiceStub(channel)

    def raw_stub(self, address: str | None = None) -> Any:
        """A client that is not ours."""
        channel = grpc.insecure_channel(address or self.start().address)
        self.channels.append(channel)
        return orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
