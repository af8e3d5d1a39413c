"""kill -9 at bad moments: of the orchestrator, of a worker, of `saggar up`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from orchestrator_fakes import EXPERIMENT
from saggar.rpc.channel import open_channel, wait_ready
from saggar.store import DirectoryStore
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import choose_addresses

FAKES = Path(__file__).resolve().parent.parent / "support" / "orchestrator_fakes.py"
SHORT = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "90:10"')[0]
pytestmark = pytest.mark.slow


class Machine:
    """Orchestrator and stand-in workers as processes that can be killed and started again."""

    def __init__(self, folder):
        self.home = Home(folder)
        self.addresses = choose_addresses(0)
        self.processes = {}

    def start(self, name):
        address = self.addresses[name]
        environment = os.environ | {
            "SAGGAR_LISTEN": address,
            "SAGGAR_HOME": str(self.home.root),
            "SAGGAR_STORE": str(self.home.store),
            "SAGGAR_DRAIN_SECONDS": "2",
        }
        workers = self.addresses["generator"]
        environment |= {f"SAGGAR_{n.upper()}": workers for n in ("generator", "qc", "trainer", "classifier")}
        if name == "orchestrator":
            command = [sys.executable, "-m", "saggar_orchestrator"]
        else:
            command = [sys.executable, str(FAKES), str(self.home.store), workers, "0.05"]
        log = (self.home.root / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        log.close()
        wait_ready(address, 90)

    def kill(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def call(self, rpc, request):
        with open_channel(self.addresses["orchestrator"]) as channel:
            return getattr(orchestrator_pb2_grpc.OrchestratorServiceStub(channel), rpc)(request, timeout=30)

    def wait_for(self, identity, condition, timeout_s=200):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            described = self.call("DescribeExperiment", pb.DescribeExperimentRequest(experiment_id=identity))
            if condition(described):
                return described
            time.sleep(0.1)
        raise AssertionError(f"not reached within {timeout_s} s: {described}")

    def images(self):
        """How many images stand in the store for each prompt that was generated."""
        store = DirectoryStore(self.home.store)
        return Counter(json.loads(store.get(key))["image"] for key in store.list("generated/"))


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    try:
        made.start("generator")
        made.start("orchestrator")
        yield made
    finally:
        made.stop()


def generating(described):
    steps = {step.title: step for step in described.steps}
    return steps["generate images"].progress.done >= 5


def over(described):
    return described.experiment.state != pb.EXPERIMENT_STATE_RUNNING


def test_killed_in_the_middle_of_generation_everything_is_finished_once(machine):
    request = pb.RunExperimentRequest(specification=SHORT, source_name="short.yaml", base_path="/")
    identity = machine.call("RunExperiment", request).experiment.experiment_id

    machine.wait_for(identity, generating)
    machine.kill("generator")  # the orchestrator calls again until it is back
    machine.start("generator")
    machine.kill("orchestrator")  # the next one takes the experiment up by itself
    machine.start("orchestrator")

    described = machine.wait_for(identity, over)
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error
    store = DirectoryStore(machine.home.store)
    steps = [json.loads(store.get(key)) for key in store.list("steps/")]
    planned = next(step["result"]["images"] for step in steps if step["kind"] == "plan")
    assert len(machine.images()) == planned
    assert set(machine.images().values()) == {1}
    assert Counter(step["kind"] for step in steps)["train"] == 2


def test_a_drained_orchestrator_leaves_the_experiment_to_the_next_start(machine):
    request = pb.RunExperimentRequest(specification=SHORT, source_name="short.yaml", base_path="/")
    identity = machine.call("RunExperiment", request).experiment.experiment_id
    machine.wait_for(identity, generating)
    process = machine.processes.pop("orchestrator")
    process.terminate()
    assert process.wait(30) == 0
    machine.start("orchestrator")
    described = machine.wait_for(identity, over)
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error
