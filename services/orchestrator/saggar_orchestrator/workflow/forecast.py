"""What an experiment would do: which of its stages are done already, and which are not, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saggar.errors import SaggarError

from saggar_orchestrator.workflow.reuse import Result, find, step_id
from saggar_orchestrator.workflow.run import Done, Stage, Workshop
from saggar_orchestrator.workflow.stages.order import stages_of

_OF_ALL = "results"  # the kind of step that takes whatever all others have left


@dataclass(frozen=True)
class Foreseen:
    """A stage and what becomes of it. state: `reused`, `new` (never done with these inputs), `follows` (its inputs are
    made by a stage that is new), or `again` (done anew by every experiment).
    """

    title: str
    kind: str
    state: str
    step_id: str = ""  # empty where it follows: its inputs are not known yet


def foresee(shop: Workshop, recorded: Callable[[str], Result | None]) -> list[Foreseen]:
    """Every stage of the workshop's experiment in its order; none is taken.

    `recorded`: the result of a step that is done anew each time, as an earlier experiment left it; None where none has.
    """
    done = Done()
    found: list[Foreseen] = []
    for stage in stages_of(shop.experiment):
        identity = _identity(stage, shop, done)
        if identity is None or (
            stage.kind == _OF_ALL and any(step.state != "reused" for step in found if step.kind != "base")
        ):
            found.append(Foreseen(stage.title, stage.kind, "follows"))
            continue
        if not stage.reuse:
            result, state = recorded(identity), "again"
        else:
            note = find(shop.store, identity)
            result, state = (None, "new") if note is None else (note.result, "reused")
        if result is not None:
            done.results[stage.key] = result
        found.append(Foreseen(stage.title, stage.kind, state, identity))
    return found


def _identity(stage: Stage, shop: Workshop, done: Done) -> str | None:
    """None where the inputs come from a stage that is not done, or from an object that is gone."""
    try:
        return step_id(stage.kind, stage.inputs(shop, done.for_stage(stage)))
    except (KeyError, SaggarError):
        return None
