"""Orchestrator and stand-in workers as processes that can be killed and started again."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from saggar.rpc.channel import open_channel, wait_ready
from saggar.store import open_store
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import choose_addresses

FAKES = Path(__file__).resolve().parent.parent / "support" / "fakes" / "orchestrator_fakes.py"


@dataclass(frozen=True)
class Piece:
    """A piece of work that a stand-in began: of which item, when, until when, and whether it was finished."""

    item: str
    began: float
    ended: float
    finished: bool


class Machine:
    """`generator` stands in for all four workers, or with `apart` for itself beside `qc` and `trainer`; `trainer-2` is
    one more trainer, and `orchestrator-2` another one on the same workflow database, with a home of its own.
    `environment` is added to that of all of them.
    """

    def __init__(
        self, folder, trainers=1, epoch_seconds=0.0, *, epochs=2, image_seconds=0.05, apart=False, **environment
    ):
        self.home = Home(folder)
        self.home.root.mkdir(parents=True, exist_ok=True)
        self.addresses = choose_addresses(0, trainers)
        self.addresses["orchestrator-2"] = choose_addresses(0)["orchestrator"]
        self.environment = {
            "SAGGAR_DATABASE_URL": f"sqlite:///{self.home.database.resolve()}",
            "SAGGAR_TAKEOVER_S": "4",
        } | environment
        self.store_url = self.environment.get("SAGGAR_STORE", str(self.home.store))
        self.trainers = trainers
        self.epoch_seconds = epoch_seconds
        self.work = (image_seconds, epoch_seconds, epochs)
        self.apart = ("qc", "trainer") if apart else ()
        self.processes = {}
        self.killed = {}  # process id -> when

    def start_all(self):
        further = (f"trainer-{number}" for number in range(2, self.trainers + 1))
        names = ("generator", *self.apart, *further, "orchestrator")
        for name in names:
            self.start(name, wait=False)
        for name in names:
            self.wait_ready(name)
        return self

    def wait_ready(self, name):
        wait_ready(self.addresses[name], 240)

    def start(self, name, command=None, *, wait=True):
        address = self.addresses[name]
        environment = os.environ | {
            "SAGGAR_LISTEN": address,
            "SAGGAR_HOME": str(self.home.root / name),
            "SAGGAR_STORE": str(self.home.store),
            "SAGGAR_DRAIN_SECONDS": "2",
        }
        for worker in ("generator", "qc", "trainer", "classifier"):
            served_by = worker if worker in self.apart else "generator"
            environment[f"SAGGAR_{worker.upper()}"] = self.addresses[served_by]
        further = (self.addresses[f"trainer-{number}"] for number in range(2, self.trainers + 1))
        environment["SAGGAR_TRAINER"] = ",".join((environment["SAGGAR_TRAINER"], *further))
        environment |= self.environment
        if name.startswith("orchestrator"):
            command = command or [sys.executable, "-m", "saggar_orchestrator"]
        else:
            command = [sys.executable, str(FAKES), self.store_url, address, *map(str, self.work)]
        log = (self.home.root / f"{name}.log").open("ab")
        (self.home.root / name).mkdir(exist_ok=True)
        self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        log.close()
        if wait:
            self.wait_ready(name)

    def kill(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.killed[process.pid] = time.time()

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def pause(self, name):
        self.processes[name].send_signal(signal.SIGSTOP)

    def pause_between_writes(self, name):
        """Not while it writes to the workflow database: SQLite would keep the others out until it goes on."""
        for _ in range(100):
            self.pause(name)
            if self._is_free():
                return
            self.go_on(name)
            time.sleep(0.1)
        raise AssertionError(f"{name} writes without end")

    def _is_free(self):
        """Whether the workflow database may be written to."""
        with contextlib.closing(sqlite3.connect(self.home.database, timeout=0.2, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

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
        store = self.store()
        return Counter(json.loads(store.get(key))["image"] for key in store.list("generated/"))

    def run(self, text, at="orchestrator"):
        """The id of the experiment that `text` starts."""
        request = pb.RunExperimentRequest(specification=text, source_name="short.yaml", base_path="/")
        return self.call("RunExperiment", request, at).experiment.experiment_id

    def results(self, identity):
        """results.json without times."""
        return without_times(self.store().get(f"experiments/{identity}/results.json"))

    def store(self):
        return open_store(self.store_url, "key", "secret")

    def epochs(self):
        """(began, ended) of every epoch that a trainer finished, by training and epoch."""
        found = {}
        for piece in self.pieces("epochs/"):
            if piece.finished:
                _, training, epoch = piece.item.split("/")
                found.setdefault((training, int(epoch)), []).append((piece.began, piece.ended))
        return found

    def pieces(self, prefix):
        """All that stand-ins began, in the order of time; what was killed ended when its process did."""
        store, found = self.store(), {}
        for key in store.list(prefix):
            item, _, name = key.rpartition("/")
            state, _, name = name.partition("-")
            note = json.loads(store.get(key))
            if state == "begun":
                ended = self.killed.get(note["process"], float("inf"))
                found.setdefault(name, Piece(item, note["began"], ended, finished=False))
            else:
                found[name] = Piece(item, note["began"], note["ended"], finished=state == "ended")
        return sorted(found.values(), key=lambda piece: piece.began)


def without_times(results):
    """The bytes of a results.json, but for when and how long."""
    values = json.loads(results)
    values["experiment"].pop("created_at")
    for step in values["steps"]:
        step.pop("seconds")
    return json.dumps(values, ensure_ascii=False, indent=1).encode()


def over(described):
    return described.experiment.state != pb.EXPERIMENT_STATE_RUNNING
