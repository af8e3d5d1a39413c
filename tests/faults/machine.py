"""Orchestrator and stand-in workers as processes that can be killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from saggar.rpc.channel import open_channel, wait_ready
from saggar.store import DirectoryStore
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import choose_addresses

FAKES = Path(__file__).resolve().parent.parent / "support" / "orchestrator_fakes.py"


class Machine:
    """`generator` stands in for all four workers, `trainer-2` for one more trainer, and `orchestrator-2` is another one
    on the same workflow database, with a home of its own. `environment` is added to that of all of them.
    """

    def __init__(self, folder, trainers=1, epoch_seconds=0.0, **environment):
        self.home = Home(folder)
        self.home.root.mkdir(parents=True, exist_ok=True)
        self.addresses = choose_addresses(0, trainers)
        self.addresses["orchestrator-2"] = choose_addresses(0)["orchestrator"]
        self.environment = {
            "SAGGAR_DATABASE_URL": f"sqlite:///{self.home.database.resolve()}",
            "SAGGAR_TAKEOVER_S": "4",
        } | environment
        self.trainers = trainers
        self.epoch_seconds = epoch_seconds
        self.processes = {}

    def start_all(self):
        for name in ("generator", *(f"trainer-{number}" for number in range(2, self.trainers + 1)), "orchestrator"):
            self.start(name)
        return self

    def start(self, name, command=None):
        address = self.addresses[name]
        environment = os.environ | {
            "SAGGAR_LISTEN": address,
            "SAGGAR_HOME": str(self.home.root / name),
            "SAGGAR_STORE": str(self.home.store),
            "SAGGAR_DRAIN_SECONDS": "2",
        }
        workers = self.addresses["generator"]
        environment |= {f"SAGGAR_{n.upper()}": workers for n in ("generator", "qc", "trainer", "classifier")}
        further = (self.addresses[f"trainer-{number}"] for number in range(2, self.trainers + 1))
        environment["SAGGAR_TRAINER"] = ",".join((workers, *further))
        environment |= self.environment
        if name.startswith("orchestrator"):
            command = command or [sys.executable, "-m", "saggar_orchestrator"]
        else:
            command = [sys.executable, str(FAKES), str(self.home.store), address, "0.05", str(self.epoch_seconds)]
        log = (self.home.root / f"{name}.log").open("ab")
        (self.home.root / name).mkdir(exist_ok=True)
        self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        log.close()
        wait_ready(address, 240)

    def kill(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def pause(self, name):
        self.processes[name].send_signal(signal.SIGSTOP)

    def go_on(self, name):
        self.processes[name].send_signal(signal.SIGCONT)

    def call(self, rpc, request, at="orchestrator"):
        with open_channel(self.addresses[at]) as channel:
            return getattr(orchestrator_pb2_grpc.OrchestratorServiceStub(channel), rpc)(request, timeout=120)

    def wait_for(self, identity, condition, timeout_s=400, at="orchestrator"):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            described = self.call("DescribeExperiment", pb.DescribeExperimentRequest(experiment_id=identity), at)
            if condition(described):
                return described
            time.sleep(0.1)
        raise AssertionError(f"not reached within {timeout_s} s: {described}")

    def images(self):
        """How many images stand in the store for each prompt that was generated."""
        store = DirectoryStore(self.home.store)
        return Counter(json.loads(store.get(key))["image"] for key in store.list("generated/"))

    def run(self, text, at="orchestrator"):
        """The id of the experiment that `text` starts."""
        request = pb.RunExperimentRequest(specification=text, source_name="short.yaml", base_path="/")
        return self.call("RunExperiment", request, at).experiment.experiment_id

    def results(self, identity):
        """results.json without times."""
        return without_times(DirectoryStore(self.home.store).get(f"experiments/{identity}/results.json"))

    def epochs(self):
        """(began, ended) of every epoch that a trainer did, by training and epoch."""
        store, found = DirectoryStore(self.home.store), {}
        for key in store.list("epochs/"):
            _, training, epoch, _ = key.split("/")
            note = json.loads(store.get(key))
            found.setdefault((training, int(epoch)), []).append((note["began"], note["ended"]))
        return found


def without_times(results):
    """The bytes of a results.json, but for when and how long."""
    values = json.loads(results)
    values["experiment"].pop("created_at")
    for step in values["steps"]:
        step.pop("seconds")
    return json.dumps(values, ensure_ascii=False, indent=1).encode()


def over(described):
    return described.experiment.state != pb.EXPERIMENT_STATE_RUNNING
