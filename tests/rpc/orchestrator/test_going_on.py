"""Failures, cancelling, restarts: where an experiment stops, and how it goes on."""

import threading
import time
from collections import Counter

import pytest
from orchestrator_bench import BASELINE, FAILED, REUSED, SHORT, SUCCEEDED, follow, run, start
from saggar.errors import BusyError, InvalidInputError, UnavailableError, WrongStateError
from saggar.v1 import orchestrator_pb2 as pb


def test_bad_input_of_a_peer_fails_at_once_and_resume_goes_on(bench):
    bench.fakes.errors["TrainAdapter"] = [InvalidInputError("rank is 0; it must be at least 1")]
    with bench.orchestrator() as stub:
        steps, ended = run(stub, SHORT)
        assert ended.state == pb.EXPERIMENT_STATE_FAILED
        assert "rank is 0" in ended.error
        assert ended.error_kind == "InvalidInputError"
        assert steps["train adapter"].state == FAILED
        described = stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id=ended.experiment_id))
        assert {s.title: s.state for s in described.steps}["train adapter"] == FAILED
        calls = Counter(bench.fakes.calls)
        stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=ended.experiment_id))
        steps, ended = follow(stub, ended.experiment_id)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["train baseline, seed 0"].state == REUSED
    assert bench.fakes.calls["Train"] == calls["Train"] + 1


def test_a_peer_that_is_away_or_busy_is_called_again(bench):
    bench.fakes.errors["Train"] = [UnavailableError("restarting"), BusyError("queue full", retry_after_s=0.1)]
    with bench.orchestrator() as stub:
        _, ended = run(stub, BASELINE)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert bench.fakes.calls["Train"] == 3


def test_patience_ends(bench):
    bench.fakes.errors["Train"] = [UnavailableError("gone")] * 50
    with bench.orchestrator(patience_s=0.5) as stub:
        _, ended = run(stub, BASELINE)
    assert ended.state == pb.EXPERIMENT_STATE_FAILED
    assert "trainer" in ended.error
    assert "gone" in ended.error


def test_cancel_stops_the_running_step_and_resume_continues(bench):
    gate = threading.Event()
    bench.fakes.hold["TrainAdapter"] = gate
    with bench.orchestrator() as stub:
        identity = start(stub, SHORT).experiment.experiment_id
        for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
            if event.step.title == "train adapter" and event.step.progress.stage == "held":
                break
        cancelled = stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity)).experiment
        assert cancelled.state == pb.EXPERIMENT_STATE_CANCELLED
        with pytest.raises(WrongStateError, match="nothing to cancel"):
            stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity))
        gate.set()
        resumed = stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=identity)).experiment
        assert resumed.state == pb.EXPERIMENT_STATE_RUNNING
        steps, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["import photographs"].state == REUSED


def test_a_stopped_orchestrator_continues_at_the_next_start(bench):
    gate = threading.Event()
    bench.fakes.hold["TrainAdapter"] = gate
    with bench.orchestrator() as stub:
        identity = start(stub, SHORT).experiment.experiment_id
        deadline = time.monotonic() + 200
        while not bench.fakes.calls["TrainAdapter"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    gate.set()
    trained = bench.fakes.calls["Train"]
    with bench.orchestrator() as stub:
        steps, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["train adapter"].state == SUCCEEDED
    assert bench.fakes.calls["Train"] == trained + 1  # the baseline's is not repeated
