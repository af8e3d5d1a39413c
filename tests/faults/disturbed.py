"""Experiments that something happens to, and the same ones undisturbed: what was lost, doubled, or came out otherwise.

`Disturbance.happen` does the harm and undoes it. The disturbances themselves are in disturbances.py;
bench/services/faults.py prints their table.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from line import Line
from machine import Machine, over
from orchestrator_fakes import EXPERIMENT
from s3_stand_in import S3StandIn
from saggar.v1 import orchestrator_pb2 as pb
from saggar_orchestrator.local.supervisor import choose_addresses

SHORT = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "90:10"')[0]
_LONGEST_S = 600  # on a busy machine
_WORKERS = ("generator", "qc", "trainer", "classifier")


def _generating(described: Any) -> bool:
    return any(step.title == "generate images" and step.progress.done >= 3 for step in described.steps)


def _training(described: Any) -> bool:
    return any(step.title.startswith("train ") and step.progress.done >= 1 for step in described.steps)


@dataclass(frozen=True)
class Moment:
    """When: `reached` looks at the described experiment. Each moment has an experiment of its own, by its seed."""

    title: str
    seed: int
    reached: Callable[[Any], bool]

    @property
    def experiment(self) -> str:
        return SHORT.replace("seed: 3,", f"seed: {self.seed},")


MOMENTS = (
    Moment("at once", 3, lambda _: True),
    Moment("images are made", 4, _generating),
    Moment("training", 5, _training),
)


@dataclass(frozen=True)
class Disturbance:
    """Something that happens. `apart`: workers with a process of their own; `lines`: workers that are called through a
    line that can be cut; `store`: "s3" or "folder"; `lacking()` says what this machine does not have for it, or "".
    """

    title: str
    happen: Callable[[DisturbedMachine, float], None]
    apart: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    store: str = "folder"
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[DisturbedMachine], None] = lambda _: None
    clean: Callable[[DisturbedMachine], None] = lambda _: None
    lacking: Callable[[], str] = lambda: ""
    hold_s: float = 3.0


class DisturbedMachine(Machine):
    """An orchestrator and its workers, arranged so that `disturbance` can happen to them."""

    def __init__(self, folder: Path, disturbance: Disturbance) -> None:
        self.s3 = S3StandIn() if disturbance.store == "s3" else None
        super().__init__(
            folder,
            epoch_seconds=0.4,
            SAGGAR_PEER_PATIENCE_S="90",
            SAGGAR_S3_ACCESS_KEY="key",
            SAGGAR_S3_SECRET_KEY="secret",  # noqa: S106 the stand-in checks none
            **({"SAGGAR_STORE": self.s3.url} if self.s3 else {}),
            **disturbance.environment,
        )
        self.disturbance = disturbance
        self.lines: dict[str, Line] = {}
        self.notes: list[str] = []  # what was seen on the way
        self.latest_text = ""  # of the experiment that was begun last
        for name in _WORKERS:
            there = self.addresses[name if name in disturbance.apart else "generator"]
            if name in disturbance.lines:
                between = choose_addresses(0)["generator"]
                self.lines[name] = Line(between, there)
                there = between
            self.environment[f"SAGGAR_{name.upper()}"] = there
        disturbance.prepare(self)

    def start_all(self) -> DisturbedMachine:
        for name in ("generator", *(name for name in self.disturbance.apart if name != "generator"), "orchestrator"):
            self.start(name)
        return self

    def restart(self, name: str, after_s: float) -> None:
        self.kill(name)
        time.sleep(after_s)
        self.start(name)

    def stop(self) -> None:
        super().stop()
        self.disturbance.clean(self)
        if self.s3 is not None:
            self.s3.down()

    def images(self) -> set[str]:  # type: ignore[override]
        return set(self.store().list("images/"))

    def described(self, identity: str) -> Any:
        """None while nobody answers."""
        try:
            return self.call("DescribeExperiment", pb.DescribeExperimentRequest(experiment_id=identity))
        except Exception:  # noqa: BLE001 whatever the disturbance makes of it; a deadline ends the waiting
            return None

    def patiently(self, identity: str, reached: Callable[[Any], bool]) -> Any:
        """The experiment, once it is so or over."""
        deadline = time.monotonic() + _LONGEST_S
        while time.monotonic() < deadline:
            described = self.described(identity)
            if described is not None and (reached(described) or over(described)):
                return described
            time.sleep(0.1)
        raise AssertionError(f"not reached within {_LONGEST_S} s: {self.described(identity)}")

    def begun(self, text: str) -> str:
        """The id of the experiment that `text` starts; asked for again while it cannot be started."""
        self.latest_text, deadline = text, time.monotonic() + _LONGEST_S
        while True:
            try:
                return str(self.run(text))
            except grpc.RpcError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def tracebacks(self) -> int:
        return (self.home.root / "orchestrator.log").read_text(errors="replace").count("Traceback (most recent")


@dataclass(frozen=True)
class Found:
    """What a disturbed run came to. `images` are the keys that it added to the store."""

    outcome: str
    images: frozenset[str]
    results: bytes
    tracebacks: int = 0
    seconds: float = 0.0


def undisturbed(folder: Path) -> dict[str, Found]:
    """The experiment of every moment, with nothing happening, by the moment's title."""
    machine = DisturbedMachine(folder, Disturbance("nothing", lambda *_: None))
    try:
        machine.start_all()
        return {moment.title: _run(machine, moment, happens=False) for moment in MOMENTS}
    finally:
        machine.stop()


def disturbed(folder: Path, disturbance: Disturbance, moments: tuple[Moment, ...] = MOMENTS) -> dict[str, Found]:
    """As `undisturbed`, with the disturbance at each of `moments`."""
    machine = DisturbedMachine(folder, disturbance)
    try:
        machine.start_all()
        return {moment.title: _run(machine, moment) for moment in moments}
    finally:
        machine.stop()


def _run(machine: DisturbedMachine, moment: Moment, happens: bool = True) -> Found:
    began, before, logged = time.monotonic(), machine.images(), machine.tracebacks()
    identity = machine.begun(moment.experiment)
    machine.notes = []
    if happens:
        assert not over(machine.patiently(identity, moment.reached)), "it was over before anything could happen"
        machine.disturbance.happen(machine, machine.disturbance.hold_s)
    ended = machine.patiently(identity, over)
    if ended.experiment.state != pb.EXPERIMENT_STATE_SUCCEEDED:
        machine.notes.append(f'{_state(ended)}: "{_first_line(ended.experiment.error)}"; resumed')
        machine.call("ResumeExperiment", pb.ResumeExperimentRequest(experiment_id=identity))
        ended = machine.patiently(identity, over)
    assert ended.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.experiment.error
    return Found(
        "; ".join((*machine.notes, "succeeded")),
        frozenset(machine.images() - before),
        _without_reuse(machine.results(identity)),
        machine.tracebacks() - logged,
        time.monotonic() - began,
    )


def _without_reuse(results: bytes) -> bytes:
    """A second attempt finds done what the first one did, and says so; it reads that back with other keys first."""
    values = json.loads(results)
    for step in values["steps"]:
        del step["reused"]
    return json.dumps(values, sort_keys=True).encode()


def _state(described: Any) -> str:
    return str(pb.ExperimentState.Name(described.experiment.state)).removeprefix("EXPERIMENT_STATE_").lower()


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].replace(tempfile.gettempdir() + os.sep, "")[:160] if text.strip() else ""
