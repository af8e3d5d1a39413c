"""Attempts at experiments as the workflow database lists them: each is a workflow, `<experiment>.<number>`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dbos import DBOS, WorkflowStatus

from saggar_orchestrator.progress import StepView
from saggar_orchestrator.workflow.fresh import Fresh

WORKFLOW = "experiment"  # the name of the workflow that an attempt is


def experiment_of(workflow_id: str) -> str:
    return workflow_id.rpartition(".")[0]


def number_of(workflow_id: str) -> int:
    """From 1."""
    return int(workflow_id.rpartition(".")[2])


def latest_attempt(identity: str, *, load_input: bool = False) -> WorkflowStatus | None:
    """The newest one at an experiment; None where none was begun."""
    found = DBOS.list_workflows(name=WORKFLOW, workflow_id_prefix=f"{identity}.", load_input=load_input)
    return max(found, key=lambda status: number_of(status.workflow_id), default=None)


def is_latest(workflow_id: str) -> bool:
    """Whether no further attempt at its experiment has been begun."""
    latest = latest_attempt(experiment_of(workflow_id))
    return latest is None or number_of(latest.workflow_id) <= number_of(workflow_id)


def begun_experiments() -> set[str]:
    """Those of which the database has any attempt."""
    found = DBOS.list_workflows(name=WORKFLOW, load_input=False, load_output=False)
    return {experiment_of(status.workflow_id) for status in found}


def step_results() -> Iterator[tuple[str, dict[str, Any]]]:
    """(step id, result) of every step that any attempt has recorded."""
    for status in DBOS.list_workflows(name=WORKFLOW, load_input=False, load_output=False):
        for step in DBOS.list_workflow_steps(status.workflow_id):
            output = step["output"]
            if isinstance(output, dict) and "step_id" in output:
                yield output["step_id"], output["result"]


def fresh_of(attempt: WorkflowStatus) -> Fresh:
    """What an attempt, listed with its input, was to do again."""
    arguments = attempt.input["args"] if attempt.input else ()
    return Fresh.from_json(arguments[1] if len(arguments) > 1 else None)


def steps_of(titles: Sequence[str], attempt: WorkflowStatus | None) -> tuple[StepView, ...]:
    """Every step of a plan as it stood when the attempt ended."""
    views = {position: StepView(position, title) for position, title in enumerate(titles)}
    for step in DBOS.list_workflow_steps(attempt.workflow_id) if attempt else []:
        record = step["output"]
        if step["error"] is not None:
            position = step["function_id"] - 1
            views[position] = StepView(position, titles[position], state="failed", error=str(step["error"]))
        elif record:
            position = record["position"]
            state = "reused" if record["reused"] else "succeeded"
            views[position] = StepView(position, record["title"], record["step_id"], state, seconds=record["seconds"])
    return tuple(views[position] for position in sorted(views))
