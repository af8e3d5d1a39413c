"""Steps that equal inputs have done before: their names, and where the store keeps their results."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from saggar.errors import AlreadyExistsError, DataCorruptionError
from saggar.store import ObjectStore

from saggar_orchestrator.experiment.digest import digest

# Raise the number of a kind when its code gives other results for equal inputs.
CODE_VERSIONS = {
    "import": 3,
    "split": 1,
    "withhold": 1,
    "augment": 1,
    "train": 4,  # 3: heads re-trained along a path of penalties; 4: no answer surer than its calibration
    "evaluate": 2,
    "select": 2,
    "base": 1,
    "adapter": 3,
    "plan": 5,
    "generate": 4,
    "screen": 3,
    "top_up": 2,
    "review": 1,
    "mix": 2,
    "control": 1,
    "give_back": 1,
    "choose": 1,
    "results": 3,
    "report": 2,
}

Result = dict[str, Any]


class StepRecord(TypedDict):
    """What the workflow database keeps of a finished step. `reused`: this attempt found it done; `taken_over`: it was
    another experiment that did it.
    """

    step_id: str
    position: int
    title: str
    reused: bool
    taken_over: bool
    seconds: float
    result: Result


def step_id(kind: str, inputs: Result) -> str:
    """16 hexadecimal digits made from what decides the result."""
    return digest({"kind": kind, "version": CODE_VERSIONS[kind], "inputs": inputs})[:16]


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Note:
    """What the store keeps of a finished step: its result, how long it took, the experiment that did it (empty: of an
    earlier version), and, where one asked for it anew, the token of that.
    """

    result: Result
    seconds: float = 0.0
    experiment: str = ""
    fresh: str = ""


def find(store: ObjectStore, identity: str) -> Note | None:
    """What the step of this id has left; None where nothing, or where an object that it names is gone.

    Raises DataCorruptionError for a note of a result that cannot be read.
    """
    key = f"steps/{identity}.json"
    if not store.exists(key):
        return None
    found = _noted(store, key)
    gone = [ref["key"] for ref in _references(found.result) if not _is_there(store, ref)]
    if gone:
        log.warning("%s: its result names %s, which is gone; the step is done again", key, ", ".join(gone))
        return None
    return found


def note(store: ObjectStore, kind: str, inputs: Result, made: Note) -> Note:
    """Keeps the step's result; returns what is kept, which is that of an equal run where one was first. What a step
    left that was asked for anew takes the place of what it left before.
    """
    identity = step_id(kind, inputs)
    key = f"steps/{identity}.json"
    record = {"kind": kind, "inputs": inputs, **asdict(made)}
    data = json.dumps(record, sort_keys=True, indent=1).encode()
    try:
        store.put(key, data, "application/json")
    except AlreadyExistsError:
        first = find(store, identity)
        if first is not None and first.fresh == made.fresh:
            return first
        store.delete(key)  # the objects that it names are gone, or it is what was not to be taken over
        store.put(key, data, "application/json")
    return made


def objects_of(value: object) -> Iterator[str]:
    """Keys of all objects that a result names by reference."""
    return (ref["key"] for ref in _references(value))


def _references(value: object) -> Iterator[Result]:
    if isinstance(value, dict):
        if isinstance(value.get("key"), str) and "sha256" in value:
            yield value
        else:
            for part in value.values():
                yield from _references(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _references(part)


def _is_there(store: ObjectStore, ref: Result) -> bool:
    """Whether the object is there. Results and reports, whose keys are those of their experiment, may have been deleted
    and written anew since.
    """
    if not store.exists(ref["key"]):
        return False
    return not ref["key"].startswith("experiments/") or store.stat(ref["key"]).sha256 == ref["sha256"]


def _noted(store: ObjectStore, key: str) -> Note:
    try:
        record = json.loads(store.get(key))
        found, seconds = record["result"], float(record.get("seconds", 0))
        experiment, fresh = str(record.get("experiment", "")), str(record.get("fresh", ""))
    except (ValueError, KeyError, TypeError) as error:
        raise DataCorruptionError(
            f"{key} of the store cannot be read ({error}); delete that file, then resume: the step is taken again"
        ) from None
    if not isinstance(found, dict):
        raise DataCorruptionError(f"{key} of the store holds no result; delete that file, then resume")
    return Note(found, seconds, experiment, fresh)
