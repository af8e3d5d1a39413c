"""Attempts by what an orchestrator elsewhere says of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from saggar.rpc.channel import call_stream
from saggar.v1 import orchestrator_pb2

from saggar_orchestrator.cli.experiments.attempts.attempt import Attempt
from saggar_orchestrator.cli.services.client import orchestrator
from saggar_orchestrator.local.home import Home

_DEADLINE_S = 60.0


class RemoteAttempts:
    """Asks the orchestrator of a remote home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def begun(self) -> Collection[str]:
        with orchestrator(self._home) as stub:
            answer = stub.ListExperiments(orchestrator_pb2.ListExperimentsRequest(), timeout=_DEADLINE_S)
        return {each.experiment_id for each in answer.experiments}

    def latest(self, ids: Sequence[str]) -> dict[str, Attempt]:
        with orchestrator(self._home) as stub:
            answer = stub.ListExperiments(orchestrator_pb2.ListExperimentsRequest(), timeout=_DEADLINE_S)
        return {each.experiment_id: _attempt(each) for each in answer.experiments if each.experiment_id in ids}

    def steps(self, identity: str, attempt: Attempt, titles: Sequence[str]) -> list[dict[str, Any]]:
        del attempt, titles
        request = orchestrator_pb2.DescribeExperimentRequest(experiment_id=identity)
        with orchestrator(self._home) as stub:
            answer = stub.DescribeExperiment(request, timeout=_DEADLINE_S)
        steps = []
        for step in answer.steps:
            state = orchestrator_pb2.StepState.Name(step.state).removeprefix("STEP_STATE_").lower()
            steps.append(
                {"title": step.title, "state": state, "seconds": step.seconds}
                | ({"error": step.error} if step.error else {})
            )
        return steps

    def recorded_steps(self) -> dict[str, dict[str, Any]]:
        request = orchestrator_pb2.ListStepResultsRequest()
        with orchestrator(self._home) as stub:
            found = call_stream(stub.ListStepResults, request, attempts=3)
            return {each.step_id: json.loads(each.result_json) for each in found}

    def delete(self, identity: str) -> None:
        request = orchestrator_pb2.DeleteExperimentRequest(experiment_id=identity)
        with orchestrator(self._home) as stub:
            stub.DeleteExperiment(request, timeout=_DEADLINE_S)


def _attempt(message: orchestrator_pb2.Experiment) -> Attempt:
    state = orchestrator_pb2.ExperimentState.Name(message.state).removeprefix("EXPERIMENT_STATE_").lower()
    if state == "failed" and not message.error_kind:  # of interrupted ones the orchestrator names no kind of error
        state = "interrupted"
    return Attempt(state, message.error, message.error_kind, seconds=message.seconds)
