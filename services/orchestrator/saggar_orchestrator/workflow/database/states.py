"""How an attempt stands by its row in the workflow database."""

from __future__ import annotations

from typing import Any

from dbos import WorkflowStatus


def state_of(latest: WorkflowStatus | None) -> tuple[str, dict[str, Any]]:
    """(state of the experiment, the outcome) by the latest attempt at it."""
    if latest is None:
        return "interrupted", {"error": "it was never begun, or its workflow database is gone; resume it"}
    if latest.status in {"PENDING", "ENQUEUED", "DELAYED"}:
        return "running", {}
    if latest.status == "SUCCESS":
        outcome: dict[str, Any] = latest.output if isinstance(latest.output, dict) else {}
        if not outcome:  # of an earlier version, whose rows are not read
            return "interrupted", {"error": "its outcome is of an earlier version, or damaged; resume it"}
        return str(outcome.get("state", "succeeded")), outcome
    if latest.status == "CANCELLED":
        return "cancelled", {"error": "cancelled on request", "error_kind": "CancelledError"}
    return "failed", {
        "error": f"the workflow stopped: {latest.error or latest.status}",
        "error_kind": "InternalError",
    }


def in_words(state: str) -> str:
    """E.g. `has succeeded`, of an experiment that does not run."""
    return {"succeeded": "has succeeded", "failed": "has failed", "cancelled": "was cancelled"}.get(
        state, "was interrupted"
    )
