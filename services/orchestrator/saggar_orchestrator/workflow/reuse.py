"""Steps that equal inputs have done before: their names, and where the store keeps their results."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    "train": 3,  # 3: heads re-trained along a path of penalties
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


def find_or_do(store: ObjectStore, kind: str, inputs: Result, work: Callable[[], Result]) -> tuple[Result, bool]:
    """The step's result, and whether it was found rather than done.

    Raises DataCorruptionError for a note of a result that cannot be read.
    """
    key = f"steps/{step_id(kind, inputs)}.json"
    if store.exists(key):
        return _noted(store, key), True
    result = work()
    record = {"kind": kind, "inputs": inputs, "result": result}
    try:
        store.put(key, json.dumps(record, sort_keys=True, indent=1).encode(), "application/json")
    except AlreadyExistsError:  # another run with equal inputs was first; its result stands
        result = _noted(store, key)
    return result, False


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
