"""An orchestrator behind its real server, with stand-ins for the worker services."""

from contextlib import contextmanager

from orchestrator_fakes import EXPERIMENT, SERVICES, serve_fakes
from saggar.rpc.channel import open_channel
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.servicer import OrchestratorServicer
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.run import Resources

# Enough for what happens between services: one seed, one synthetic arm; or the baseline alone.
SHORT = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "90:10"')[0]
BASELINE = SHORT.partition('  - name: "95:5"')[0]

REUSED, SUCCEEDED, FAILED = pb.STEP_STATE_REUSED, pb.STEP_STATE_SUCCEEDED, pb.STEP_STATE_FAILED


class Bench:
    """A store, the stand-ins, and an orchestrator that can be started several times on one database."""

    def __init__(self, folder):
        self.folder = folder
        self.store = DirectoryStore(folder / "store")
        self.fakes, self._peers_server = serve_fakes(self.store)

    @contextmanager
    def orchestrator(self, database="workflows", patience_s=20.0):
        peers = Peers(dict.fromkeys(SERVICES, self._peers_server.address), patience_s)
        resources = Resources(self.store, peers, self.folder / "collections", parallel_shards=2)
        engine = Engine(resources, self.database_url(database))

        def register(server):
            servicer = OrchestratorServicer(engine, self.store, peers)
            orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(servicer, server)
            return ("saggar.v1.OrchestratorService",)

        running = start_server(register, warm_up=engine.launch, readiness=engine.readiness, store=self.store)
        self.address = running.address
        try:
            with open_channel(running.address) as channel:
                yield orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
        finally:
            engine.close()
            running.stop()
            peers.close()

    def database_url(self, name):
        return f"sqlite:///{self.folder}/{name}.sqlite"

    def stop(self):
        self._peers_server.stop()


def start(stub, text=EXPERIMENT):
    return stub.RunExperiment(pb.RunExperimentRequest(specification=text, source_name="small.yaml", base_path="/"))


def follow(stub, identity):
    """(last state of every step by title, how the experiment ended)."""
    steps = {}
    for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
        if event.HasField("ended"):
            return steps, event.ended
        steps[event.step.title] = event.step
    raise AssertionError("the stream ended without a last event")


def run(stub, text=EXPERIMENT):
    return follow(stub, start(stub, text).experiment.experiment_id)
