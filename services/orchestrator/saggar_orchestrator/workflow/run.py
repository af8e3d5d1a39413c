"""What a step is, what it works with, and one attempt at all steps of an experiment."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from saggar.errors import CancelledError, SaggarError, UnavailableError
from saggar.progress import Progress, Report
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy
from saggar.v1 import qc_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Board, Cancellation, Ticker
from saggar_orchestrator.tracking import Tracker
from saggar_orchestrator.workflow.fresh import NONE_FRESH, Fresh
from saggar_orchestrator.workflow.reuse import Note, Result, StepRecord, find, note, step_id

# Runs a piece of work under a name and remembers its outcome; from any thread.
Durably = Callable[[str, Callable[[], StepRecord]], StepRecord]
# Made for every stage before the first is taken, in the order of the list: by that order a replay finds the outcomes.
Reserve = Callable[[], Durably]
# A block that nobody else is in, of a name; how to sleep while somebody is, and what to do first: `Fleet.alone`.
Alone = Callable[[str, Callable[[float], None], Callable[[], None]], AbstractContextManager[None]]
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_LOOK_S = 5.0  # how long new replicas may go unnoticed while all that is known are busy

# Who does the work of a kind of stage; the others are done here. People keep nobody waiting but who needs them.
_SERVICES = {
    "train": "trainer",
    "evaluate": "trainer",
    "base": "generator",
    "adapter": "generator",
    "generate": "generator",
    "top_up": "generator",
    "screen": "qc",
    "review": "people",
}


ResultT = TypeVar("ResultT")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Specification:
    """An experiment as it was accepted: paths absolute, its text as the user wrote it."""

    experiment_id: str
    experiment: Experiment
    taxonomy: Taxonomy
    source: dict[str, Any]  # fingerprint of the photographs
    text: str
    created_at: str

    @property
    def kept_taxonomy(self) -> Taxonomy:
        """What `data.where` leaves of the taxonomy."""
        return self.taxonomy.keeping(self.experiment.data.where)


@dataclass(frozen=True)
class Resources:
    """What all experiments of a process have in common."""

    store: ObjectStore
    peers: Peers
    collections: Path  # where kilnsim's photographs are drawn to
    parallel_shards: int
    roots: tuple[Path, ...] = ()  # folders that experiments may name files in; none: all
    parallel_trainings: int = 0  # 0: as many as there are replicas of the trainer
    tracker: Tracker | None = None

    def at_once(self, service: str) -> int:
        """How many stages of an experiment a service may work on at the same time."""
        return self.parallel_trainings or self.peers.replicas(service) if service == "trainer" else 1


class ReviewNotes(Protocol):
    """What an attempt notes of reviews by people, so that they can be closed without it."""

    def asked(self, request: qc_pb2.OpenReviewRequest) -> None: ...
    def opened(self, request: qc_pb2.OpenReviewRequest, review_id: str) -> None: ...
    def ended(self, request: qc_pb2.OpenReviewRequest) -> None: ...


class Unnoted:
    """Where nobody else could close them."""

    def asked(self, request: qc_pb2.OpenReviewRequest) -> None: ...
    def opened(self, request: qc_pb2.OpenReviewRequest, review_id: str) -> None: ...
    def ended(self, request: qc_pb2.OpenReviewRequest) -> None: ...


@dataclass(frozen=True)
class Workshop:
    """What the steps of one attempt work with; each stage hands on what its work needs of it."""

    specification: Specification
    store: ObjectStore
    calls: Calls
    collections: Path
    parallel_shards: int
    taxonomy_ref: ObjectRef  # the taxonomy as JSON, which is YAML too
    reviews: ReviewNotes = field(default_factory=Unnoted)

    @property
    def experiment(self) -> Experiment:
        return self.specification.experiment

    @property
    def taxonomy(self) -> Taxonomy:
        return self.specification.kept_taxonomy


@dataclass
class Done:
    """Results so far by the key of their stage, and the records of all steps, in the order of the stages."""

    results: dict[str, Result] = field(default_factory=dict)
    records: list[StepRecord] = field(default_factory=list)
    reader: Stage | None = None

    def __getitem__(self, key: str) -> Result:
        if self.reader is not None and key not in self.reader.needs:
            raise RuntimeError(f"stage {self.reader.key} reads {key}, which is not among its needs; name it there")
        return self.results[key]

    def ref(self, key: str, name: str = "manifest") -> ObjectRef:
        """The object that a stage's result names."""
        return ObjectRef.from_json(self[key][name])

    def for_stage(self, stage: Stage) -> Done:
        """What `stage` may read: what it needs, and nothing that happens to be there."""
        results = {key: self.results[key] for key in stage.needs if key in self.results}
        return Done(results, sorted(self.records, key=lambda record: record["position"]), stage)


Inputs = Callable[[Workshop, Done], Result]
Work = Callable[[Workshop, Done, Report], Result]


@dataclass(frozen=True)
class Stage:
    """One step of an experiment: what people read, what decides its result, and its work.

    `key` is how later stages find its result, `needs` are the keys of the stages whose results it reads; they are
    earlier in the list. Without `reuse` every experiment does it anew: for what can change under an unchanged name.
    """

    key: str
    kind: str
    title: str
    inputs: Inputs
    work: Work
    needs: tuple[str, ...] = ()
    reuse: bool = True

    @property
    def service(self) -> str:
        """Who does the work."""
        return _SERVICES.get(self.kind, "orchestrator")


def patiently(work: Callable[[], ResultT], patience_s: float, sleep: Callable[[float], None]) -> ResultT:
    """A store that is away for a moment costs a wait, as a worker does. `sleep` raises to give up."""
    wait_s, deadline = _FIRST_WAIT_S, time.monotonic() + patience_s
    while True:
        try:
            return work()
        except UnavailableError as error:
            if time.monotonic() + wait_s > deadline:
                raise
            log.info("%s; trying again in %.1f s", error, wait_s)
            sleep(wait_s)
            wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)


def workshop_of(
    specification: Specification, resources: Resources, cancellation: Cancellation, reviews: ReviewNotes | None = None
) -> Workshop:
    """What the stages of an experiment are given; its taxonomy is kept in the store."""
    return Workshop(
        specification=specification,
        store=resources.store,
        calls=Calls(resources.peers, cancellation),
        collections=resources.collections,
        parallel_shards=resources.parallel_shards,
        taxonomy_ref=_stored(resources.store, specification.kept_taxonomy),
        reviews=reviews or Unnoted(),
    )


class BrokenOff(BaseException):
    """A stage was stopped because another failed. Not an Exception: it is no outcome to be remembered."""


class Run:
    """One attempt at an experiment: takes its stages, side by side where they allow it, and keeps the board up to date.

    What comes of it is what taking them one after the other gives: only times differ.
    """

    def __init__(
        self,
        specification: Specification,
        resources: Resources,
        *,
        board: Board,
        cancellation: Cancellation,
        reserve: Reserve,
        alone: Alone = lambda *_: contextlib.nullcontext(),
        fresh: Fresh = NONE_FRESH,
        reviews: ReviewNotes | None = None,
    ) -> None:
        """`fresh`: what is done again though equal inputs have done it."""
        self._resources, self._reserve, self._alone, self._fresh = resources, reserve, alone, fresh
        self._board, self._cancellation = board, cancellation
        self._workshop = self._patiently(lambda: workshop_of(specification, resources, cancellation, reviews))
        self._experiment = specification.experiment_id
        self._broken_off = False

    def take(self, stages: tuple[Stage, ...]) -> Mapping[str, Result]:
        """All stages, each remembered, found in the store, or done now; their results by key.

        A stage begins as soon as what it needs is done and its service has room, the earlier of the list first. When
        one fails no other is begun, those under way are stopped, and what it raised is raised.
        """
        steps = [_Step(position, stage, self._reserve()) for position, stage in enumerate(stages)]
        done, running = Done(), dict[Future[StepRecord], _Step]()
        with ThreadPoolExecutor(max(1, len(steps)), thread_name_prefix="stage") as pool:
            try:
                while len(done.results) < len(steps):
                    self._cancellation.check()
                    for step in self._startable(steps, done, tuple(running.values())):
                        running[pool.submit(self._perform, step, done.for_stage(step.stage))] = step
                    for future in wait(running, _LOOK_S, FIRST_COMPLETED).done:
                        step = running.pop(future)
                        record = future.result()
                        self._show(step, record)
                        done.records.append(record)
                        done.results[step.stage.key] = record["result"]
            except BaseException:
                self._broken_off = True
                self._cancellation.cancel()
                raise
        return done.results

    def _startable(self, steps: Sequence[_Step], done: Done, running: Sequence[_Step]) -> Iterator[_Step]:
        """Steps whose needs are done and whose service has room; of equal steps one at a time, the first first."""
        under_way = {step.position for step in running}
        identities = {step.identity for step in running}
        room = {name: self._resources.at_once(name) for name in {step.stage.service for step in steps}}
        for step in running:
            room[step.stage.service] -= 1
        for step in steps:
            stage = step.stage
            if stage.key in done.results or step.position in under_way or room[stage.service] < 1:
                continue
            if all(key in done.results for key in stage.needs):
                if not step.identity:
                    step.inputs = self._patiently(partial(stage.inputs, self._workshop, done.for_stage(stage)))
                    step.identity = step_id(stage.kind, step.inputs)
                if step.identity not in identities:
                    identities.add(step.identity)
                    room[stage.service] -= 1
                    yield step

    def _perform(self, step: _Step, done: Done) -> StepRecord:
        def work() -> StepRecord:
            started = time.monotonic()
            self._board.update(step.position, step_id=step.identity, state="running")
            report = Ticker(self._board, step.position)
            try:
                found, reused = self._noted(step, done, report)
            except SaggarError as error:
                if self._broken_off and isinstance(error, CancelledError):
                    self._board.update(step.position, state="waiting", stage="")
                    raise BrokenOff from error
                self._board.update(step.position, state="failed", error=str(error), seconds=time.monotonic() - started)
                raise
            return StepRecord(
                step_id=step.identity,
                position=step.position,
                title=step.stage.title,
                reused=reused,
                taken_over=reused and found.experiment != self._experiment,
                seconds=found.seconds if found.experiment == self._experiment else _seconds_since(started),
                result=found.result,
            )

        return step.durably(f"{step.stage.kind} {step.identity}", work)

    def _noted(self, step: _Step, done: Done, report: Report) -> tuple[Note, bool]:
        """What the step has left, and whether it was found rather than done."""
        stage, fresh = step.stage, self._fresh.token_of(step.stage.key)
        shop = replace(self._workshop, calls=self._workshop.calls.anew(fresh))
        started = time.monotonic()
        if not stage.reuse:
            result = stage.work(shop, done, report)
            return Note(result, _seconds_since(started), self._experiment), False
        elsewhere = Progress("waiting: another experiment is at this step")
        with self._alone(f"step/{step.identity}", self._cancellation.wait, lambda: report(elsewhere)):
            found = self._patiently(lambda: find(shop.store, step.identity))
            if found is not None and (not fresh or found.fresh == fresh):
                return found, True
            started = time.monotonic()
            if stage.service == "orchestrator":  # others have patience of their own with those who do the work
                result = self._patiently(lambda: stage.work(shop, done, report))
            else:
                result = stage.work(shop, done, report)
            made = Note(result, _seconds_since(started), self._experiment, fresh)
            return self._patiently(lambda: note(shop.store, stage.kind, step.inputs, made)), False

    def _patiently(self, work: Callable[[], ResultT]) -> ResultT:
        return patiently(work, self._resources.peers.patience_s, self._cancellation.wait)

    def _show(self, step: _Step, record: StepRecord) -> None:
        state = "reused" if record["reused"] else "succeeded"
        self._board.update(step.position, step_id=step.identity, state=state, seconds=record["seconds"], error="")


@dataclass
class _Step:
    """A stage on its way: its place in the list, how its outcome is remembered, and, once known, what decides it."""

    position: int
    stage: Stage
    durably: Durably
    inputs: Result = field(default_factory=dict)
    identity: str = ""


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _stored(store: ObjectStore, taxonomy: Taxonomy) -> ObjectRef:
    text = json.dumps(taxonomy.model_dump(by_alias=True, mode="json"), ensure_ascii=False, indent=1)
    return store.put(f"taxonomies/{digest(text)[:16]}.yaml", text.encode(), "application/yaml")
