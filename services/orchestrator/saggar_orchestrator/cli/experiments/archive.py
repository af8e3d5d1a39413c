"""The experiments of a home, read from its store and its workflow database, or from the orchestrator elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saggar_orchestrator.cli.experiments.attempts import Attempt, Attempts
from saggar_orchestrator.cli.terminal.identities import chosen, ids_in
from saggar_orchestrator.cli.terminal.output import open_home_store
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.store import ObjectStore

    from saggar_orchestrator.experiment.schema import Experiment

_NOT_BEGUN = "it was never begun, or its workflow database is gone; `saggar experiment resume` begins it"


@dataclass(frozen=True)
class Record:
    """An experiment: what was asked for, how it stands, and what it found."""

    experiment_id: str
    specification: dict[str, Any]
    attempt: Attempt
    results: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        experiment = self.specification["experiment"]
        return str(experiment.get("title") or experiment["name"])

    @property
    def created_at(self) -> str:
        return str(self.specification["created_at"])

    @property
    def size(self) -> str:
        """E.g. `1,500 photographs, 3 arms x 5 seeds`."""
        experiment = self.specification["experiment"]
        arms, seeds = len(experiment["arms"]), len(experiment["seeds"])
        trained = f"{arms} arm{'' if arms == 1 else 's'} x {seeds} seed{'' if seeds == 1 else 's'}"
        if self.results is None:
            return trained
        return f"{self.results['data']['images']:,} photographs, {trained}"

    @property
    def seconds(self) -> float:
        """Of its steps' work; of the last attempt where it has not finished."""
        if self.results is None:
            return self.attempt.seconds
        return float(sum(step["seconds"] for step in self.results["steps"] if not step["reused"]))

    def headline(self) -> str:
        """What it found, in a few words; why it failed, where it did."""
        if self.results is not None:
            from saggar_orchestrator.findings.wording import in_short

            return in_short(self.results)
        return self.attempt.error.partition("\n")[0]


class Archive:
    """All experiments of a home."""

    def __init__(self, home: Home) -> None:
        self.store: ObjectStore = open_home_store(home)
        self._home = home
        self._attempts = _attempts_of(home, self.store)
        keys = list(self.store.list("experiments/"))
        self.ids = ids_in(keys, "specification.json")
        self._finished = set(ids_in(keys, "report.html"))

    def need_store(self) -> None:
        """Raises UnavailableError where the workflow database knows experiments, and the store has none at all."""
        if not self.ids:
            from saggar.errors import UnavailableError

            from saggar_orchestrator.workflow.upkeep.emptied import emptied

            if found := emptied(self.store, self._attempts.begun):
                raise UnavailableError(found)

    def find(self, beginning: str) -> str:
        """The one experiment whose id begins so. Raises NotFoundError naming what there is, and as `need_store`."""
        self.need_store()
        return chosen(self.ids, beginning, "experiment", "`saggar experiment list` shows all")

    def is_finished(self, identity: str) -> bool:
        return identity in self._finished

    def records(self) -> list[Record]:
        """Newest first. Raises as `need_store`."""
        self.need_store()
        unfinished = [identity for identity in self.ids if identity not in self._finished]
        attempts = self._attempts.latest(unfinished) if unfinished else {}
        found = [self._record(identity, attempts.get(identity)) for identity in self.ids]
        return sorted(found, key=lambda record: record.created_at, reverse=True)

    def record(self, identity: str) -> Record:
        """The experiment of this whole id."""
        attempts = {} if identity in self._finished else self._attempts.latest([identity])
        return self._record(identity, attempts.get(identity))

    def steps(self, record: Record) -> list[dict[str, Any]]:
        """title, state and seconds of every step of the plan."""
        if record.results is not None:
            return [
                {"title": s["title"], "state": "reused" if s["reused"] else "succeeded", "seconds": s["seconds"]}
                for s in record.results["steps"]
            ]
        return self._attempts.steps(record.experiment_id, record.attempt, _step_titles(record))

    @property
    def folder(self) -> Path | None:
        """Where what is made will lie, or the nearest folder above it that is there; None where that is elsewhere."""
        if self._home.remote:
            return None
        place = self._home.root.resolve()
        while not place.exists():
            place = place.parent
        return place

    def recorded_steps(self) -> dict[str, dict[str, Any]]:
        """The results of all steps in the workflow database, by the steps' ids."""
        return self._attempts.recorded_steps()

    def photographs_of(self, experiment: Experiment) -> int:
        """How many photographs an experiment's data have, without reading them; labels' rows of a CSV."""
        from saggar_orchestrator.workflow.expense import photographs_of

        return photographs_of(self.store, experiment)

    def finished(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """(settings, results) of all finished experiments, newest first."""
        for record in self.records():
            if record.results is not None:
                yield record.specification["experiment"], record.results

    def delete(self, identity: str) -> None:
        """Takes the experiment's record, results and report out of the store, and its attempts out of the notes."""
        self._attempts.delete(identity)

    def _record(self, identity: str, attempt: Attempt | None) -> Record:
        from saggar.errors import DataCorruptionError

        from saggar_orchestrator.experiment.results_file import read_results

        specification = _read_json(self.store, f"experiments/{identity}/specification.json")
        if identity in self._finished:
            try:
                return Record(identity, specification, Attempt("succeeded"), read_results(self.store, identity))
            except DataCorruptionError as error:
                return Record(identity, specification, Attempt("succeeded", str(error)))
        return Record(identity, specification, attempt or Attempt("interrupted", _NOT_BEGUN))


def _attempts_of(home: Home, store: ObjectStore) -> Attempts:
    if home.remote:
        from saggar_orchestrator.cli.experiments.attempts.remote import RemoteAttempts

        return RemoteAttempts(home)
    from saggar_orchestrator.cli.experiments.attempts.database import DatabaseAttempts

    return DatabaseAttempts(home, store)


def _step_titles(record: Record) -> tuple[str, ...]:
    from saggar_orchestrator.experiment.schema import Experiment
    from saggar_orchestrator.workflow.stages.order import titles_of

    return titles_of(Experiment.model_validate(record.specification["experiment"]))


def _read_json(store: ObjectStore, key: str) -> dict[str, Any]:
    from saggar.errors import DataCorruptionError

    try:
        found: dict[str, Any] = json.loads(store.get(key))
    except ValueError as error:
        raise DataCorruptionError(f"{key}: not the JSON that Saggar wrote ({error}); restore it from a copy") from None
    return found
