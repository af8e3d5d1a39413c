"""What a step is, what it works with, and one attempt at all steps of an experiment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saggar.errors import SaggarError
from saggar.progress import Report
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Board, Cancellation, Ticker
from saggar_orchestrator.workflow.reuse import Result, StepRecord, find_or_do, step_id

# Runs a piece of work under a name and remembers its outcome: DBOS.run_step, or a plain call in tests.
Durably = Callable[[str, Callable[[], StepRecord]], StepRecord]


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


@dataclass(frozen=True)
class Workshop:
    """What the steps of one attempt work with; each stage hands on what its work needs of it."""

    specification: Specification
    store: ObjectStore
    calls: Calls
    collections: Path
    parallel_shards: int
    taxonomy_ref: ObjectRef  # the taxonomy as JSON, which is YAML too

    @property
    def experiment(self) -> Experiment:
        return self.specification.experiment

    @property
    def taxonomy(self) -> Taxonomy:
        return self.specification.kept_taxonomy


@dataclass
class Done:
    """Results so far by the key of their stage, and the records of all steps, in order."""

    results: dict[str, Result] = field(default_factory=dict)
    records: list[StepRecord] = field(default_factory=list)

    def __getitem__(self, key: str) -> Result:
        return self.results[key]

    def ref(self, key: str, name: str = "manifest") -> ObjectRef:
        """The object that a stage's result names."""
        return ObjectRef.from_json(self.results[key][name])


Inputs = Callable[[Workshop, Done], Result]
Work = Callable[[Workshop, Done, Report], Result]


@dataclass(frozen=True)
class Stage:
    """One step of an experiment: what people read, what decides its result, and its work.

    `key` is how later stages find its result. Without `reuse` every experiment does it anew: for what can change
    under an unchanged name.
    """

    key: str
    kind: str
    title: str
    inputs: Inputs
    work: Work
    reuse: bool = True


def workshop_of(specification: Specification, resources: Resources, cancellation: Cancellation) -> Workshop:
    """What the stages of an experiment are given; its taxonomy is kept in the store."""
    return Workshop(
        specification=specification,
        store=resources.store,
        calls=Calls(resources.peers, cancellation),
        collections=resources.collections,
        parallel_shards=resources.parallel_shards,
        taxonomy_ref=_stored(resources.store, specification.kept_taxonomy),
    )


class Run:
    """One attempt at an experiment: takes its stages in order and keeps the board up to date."""

    def __init__(
        self,
        specification: Specification,
        resources: Resources,
        *,
        board: Board,
        cancellation: Cancellation,
        durably: Durably,
    ) -> None:
        self._board, self._cancellation, self._durably = board, cancellation, durably
        self._workshop = workshop_of(specification, resources, cancellation)

    def take(self, stages: tuple[Stage, ...]) -> Mapping[str, Result]:
        """All stages, each remembered, found in the store, or done now; their results by key."""
        done = Done()
        for position, stage in enumerate(stages):
            self._cancellation.check()
            done.results[stage.key] = self._step(position, stage, done)
        return done.results

    def _step(self, position: int, stage: Stage, done: Done) -> Result:
        inputs = stage.inputs(self._workshop, done)
        identity = step_id(stage.kind, inputs)

        def perform() -> StepRecord:
            started = time.monotonic()
            self._board.update(position, step_id=identity, state="running")
            report, reused = Ticker(self._board, position), False
            try:
                if stage.reuse:
                    result, reused = find_or_do(
                        self._workshop.store, stage.kind, inputs, lambda: stage.work(self._workshop, done, report)
                    )
                else:
                    result = stage.work(self._workshop, done, report)
            except SaggarError as error:
                self._board.update(position, state="failed", error=str(error), seconds=time.monotonic() - started)
                raise
            return StepRecord(
                step_id=identity,
                position=position,
                title=stage.title,
                reused=reused,
                seconds=round(time.monotonic() - started, 3),
                result=result,
            )

        record = self._durably(f"{stage.kind} {identity}", perform)
        state = "reused" if record["reused"] else "succeeded"
        self._board.update(position, step_id=identity, state=state, seconds=record["seconds"], error="")
        done.records.append(record)
        return record["result"]


def _stored(store: ObjectStore, taxonomy: Taxonomy) -> ObjectRef:
    text = json.dumps(taxonomy.model_dump(by_alias=True, mode="json"), ensure_ascii=False, indent=1)
    return store.put(f"taxonomies/{digest(text)[:16]}.yaml", text.encode(), "application/yaml")
