"""The orchestrator service: `python -m saggar_orchestrator`."""

from __future__ import annotations

import sys
from typing import Any

import grpc
from saggar.errors import SaggarError, exit_code
from saggar.pages.server import PagesServer
from saggar.rpc.channel import client_tls
from saggar.rpc.serving.server import leave, serve
from saggar.settings import read_settings
from saggar.v1 import orchestrator_pb2, orchestrator_pb2_grpc

from saggar_orchestrator.local.home import Home
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.remote.servicer import StoreServicer
from saggar_orchestrator.servicer import OrchestratorServicer
from saggar_orchestrator.settings import OrchestratorSettings
from saggar_orchestrator.tracking import Tracker
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.run import Resources


def main() -> int:
    """Serves until SIGTERM; running experiments are then broken off, and continue at the next start."""
    settings = read_settings(OrchestratorSettings, "Runs Saggar's experiments as durable workflows.")
    home = Home(settings.home)
    home.prepare()
    with home.hold("orchestrator"):  # two on one home would both run its experiments
        return _serve(settings, home)


def _serve(settings: OrchestratorSettings, home: Home) -> int:
    store = settings.open_store()
    peers = Peers(settings.peers(), settings.peer_patience_s, settings.keys(), client_tls(settings))
    resources = Resources(
        store,
        peers,
        home.collections,
        settings.parallel_shards,
        tuple(settings.data_roots),
        settings.parallel_trainings,
        Tracker(settings.mlflow_uri) if settings.mlflow_uri else None,
    )
    engine = Engine(
        resources,
        settings.database_url or f"sqlite:///{home.database.resolve()}",
        home.executor(),
        settings.takeover_s,
    )

    def register(server: grpc.Server) -> tuple[str, str]:
        servicer = OrchestratorServicer(engine, store, peers)
        add: Any = orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server
        add(servicer, server)
        objects = StoreServicer(store, home.root / "transfers").register(server)
        return orchestrator_pb2.DESCRIPTOR.services_by_name["OrchestratorService"].full_name, objects

    pages: list[PagesServer] = []

    def launch() -> None:
        engine.launch()
        if settings.status_listen:
            from saggar_orchestrator.status.server import serve_status  # takes a web framework along

            pages.append(serve_status(settings, engine, resources))

    def close() -> None:
        for server in pages:
            server.stop()
        engine.close()

    return serve(register, settings, warm_up=launch, on_stop=close, readiness=engine.readiness, store=store)


if __name__ == "__main__":
    try:
        code = main()
    except SaggarError as error:
        print(f"error: {error}", file=sys.stderr)
        code = exit_code(error)
    leave(code)
