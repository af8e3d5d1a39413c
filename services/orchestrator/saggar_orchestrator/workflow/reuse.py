"""Steps that equal inputs have done before: their names, and where the store keeps their results."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
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
    "results": 2,
    "report": 1,
}

Result = dict[str, Any]


class StepRecord(TypedDict):
    """What the workflow database keeps of a finished step."""

    step_id: str
    position: int
    title: str
    reused: bool
    seconds: float
    result: Result


def step_id(kind: str, inputs: Result) -> str:
    """16 hexadecimal digits made from what decides the result."""
    return digest({"kind": kind, "version": CODE_VERSIONS[kind], "inputs": inputs})[:16]


log = logging.getLogger(__name__)


def find_or_do(store: ObjectStore, kind: str, inputs: Result, work: Callable[[], Result]) -> tuple[Result, bool]:
    """The step's result, and whether it was found rather than done.

    Raises DataCorruptionError for a note of a result that cannot be read.
    """
    found = find(store, step_id(kind, inputs))
    return (found, True) if found is not None else (note(store, kind, inputs, work()), False)


def find(store: ObjectStore, identity: str) -> Result | None:
    """What the step of this id has left; None where nothing, or where an object that it names is gone.

    Raises DataCorruptionError for a note of a result that cannot be read.
    """
    key = f"steps/{identity}.json"
    if not store.exists(key):
        return None
    result = _noted(store, key)
    gone = [name for name in objects_of(result) if not store.exists(name)]
    if gone:
        log.warning("%s: its result names %s, which is gone; the step is done again", key, ", ".join(gone))
        return None
    return result


def note(store: ObjectStore, kind: str, inputs: Result, result: Result) -> Result:
    """Keeps the step's result; returns what is kept, which is that of an equal run where one was first."""
    identity = step_id(kind, inputs)
    key = f"steps/{identity}.json"
    data = json.dumps({"kind": kind, "inputs": inputs, "result": result}, sort_keys=True, indent=1).encode()
    try:
        store.put(key, data, "application/json")
    except AlreadyExistsError:
        first = find(store, identity)
        if first is not None:
            return first
        store.delete(key)  # the objects that it names are gone
        store.put(key, data, "application/json")
    return result


def objects_of(value: object) -> Iterator[str]:
    """Keys of all objects that a result names by reference."""
    if isinstance(value, dict):
        if isinstance(value.get("key"), str) and "sha256" in value:
            yield value["key"]
        else:
            for part in value.values():
                yield from objects_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from objects_of(part)


def _noted(store: ObjectStore, key: str) -> Result:
    try:
        found = json.loads(store.get(key))["result"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataCorruptionError(
            f"{key} of the store cannot be read ({error}); delete that file, then resume: the step is taken again"
        ) from None
    if not isinstance(found, dict):
        raise DataCorruptionError(f"{key} of the store holds no result; delete that file, then resume")
    return found
