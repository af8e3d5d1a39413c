"""Two orchestrators on one workflow database: nothing is done twice at once, either is heard, the dead are replaced."""

import itertools
import os
import subprocess
import sys
import threading
import time

import pytest
from machine import Machine, over
from orchestrator_fakes import EXPERIMENT
from saggar.v1 import orchestrator_pb2 as pb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BASELINE = EXPERIMENT.partition('  - name: "95:5"')[0]
BOTH = ("orchestrator", "orchestrator-2")
# An orchestrator whose code is of another version than this one's.
UPGRADED = """
import sys
from saggar_orchestrator.workflow import engine
engine.APPLICATION_VERSION = "workflow-of-another-day"
from saggar_orchestrator.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path / "home", epoch_seconds=1.0)
    try:
        made.start_all().start("orchestrator-2")
        yield made
    finally:
        made.stop()


def training(described):
    """Whether a training has an epoch behind it."""
    return any(s.title.startswith("train ") and s.progress.done >= 1 for s in described.steps)


def assert_nothing_was_done_twice(machine, trainings):
    epochs = machine.epochs()
    assert len(epochs) == 2 * trainings
    for times in epochs.values():
        assert len(times) == 1
    by_training = {}
    for (name, _), ((began, ended),) in epochs.items():
        by_training.setdefault(name, []).append((began, ended))
    for spans in by_training.values():
        assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(sorted(spans)))


def finished(machine, identity, at):
    described = machine.wait_for(identity, over, at=at, timeout_s=300)
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error


def test_both_are_asked_for_the_same_at_once_and_one_does_it(machine):
    found = {}
    threads = [threading.Thread(target=lambda at=at: found.update({at: machine.run(BASELINE, at)})) for at in BOTH]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found["orchestrator"] == found["orchestrator-2"]
    for at in BOTH:
        finished(machine, found[at], at)
    assert_nothing_was_done_twice(machine, 2)


def test_two_experiments_with_equal_steps_share_them_while_they_run(machine):
    renamed = BASELINE.replace("name: small", "name: other")
    identities = {"orchestrator": machine.run(BASELINE), "orchestrator-2": machine.run(renamed, "orchestrator-2")}
    for at, identity in identities.items():
        finished(machine, identity, at)
    assert_nothing_was_done_twice(machine, 2)


def test_what_the_first_had_begun_goes_on_at_the_second_when_it_is_killed(machine):
    identity = machine.run(BASELINE)
    machine.wait_for(identity, training)
    machine.kill("orchestrator")
    finished(machine, identity, "orchestrator-2")
    assert_nothing_was_done_twice(machine, 2)
    machine.start("orchestrator")
    finished(machine, identity, "orchestrator")


def test_one_that_is_stopped_in_order_is_followed_at_once(machine):
    identity = machine.run(BASELINE)
    machine.wait_for(identity, training)
    process = machine.processes.pop("orchestrator")
    process.terminate()
    assert process.wait(60) == 0
    finished(machine, identity, "orchestrator-2")
    assert_nothing_was_done_twice(machine, 2)


def test_cancelling_through_the_other_reaches_the_worker_within_seconds(machine):
    identity = machine.run(BASELINE)
    machine.wait_for(identity, training)
    request = pb.CancelExperimentRequest(experiment_id=identity)
    answered = machine.call("CancelExperiment", request, "orchestrator-2").experiment
    assert answered.state == pb.EXPERIMENT_STATE_CANCELLED
    done = len(machine.epochs())
    time.sleep(5)  # five epochs, if anybody were still training
    assert len(machine.epochs()) == done
    assert machine.wait_for(identity, over).experiment.state == pb.EXPERIMENT_STATE_CANCELLED
    machine.call("ResumeExperiment", pb.ResumeExperimentRequest(experiment_id=identity), "orchestrator-2")
    finished(machine, identity, "orchestrator-2")
    assert_nothing_was_done_twice(machine, 2)


@pytest.fixture
def upgraded(tmp_path):
    """As `machine`, slower, the second orchestrator of another version."""
    made = Machine(tmp_path / "home", epoch_seconds=4.0, SAGGAR_TAKEOVER_S="8")
    try:
        made.start_all()
        made.start("orchestrator-2", [sys.executable, "-c", UPGRADED])
        yield made
    finally:
        made.stop()


def test_an_upgraded_one_leaves_live_runs_alone_and_takes_over_those_of_the_dead(upgraded):
    identity = upgraded.run(BASELINE)
    upgraded.wait_for(identity, lambda found: any(step.title.startswith("train ") for step in found.steps))
    time.sleep(2)
    request = pb.DescribeExperimentRequest(experiment_id=identity)
    for at in BOTH:
        assert upgraded.call("DescribeExperiment", request, at).experiment.state == pb.EXPERIMENT_STATE_RUNNING
    upgraded.kill("orchestrator")
    finished(upgraded, identity, "orchestrator-2")
    assert_nothing_was_done_twice(upgraded, 2)


def test_upgraded_and_started_again_it_goes_on_and_at_no_time_looks_cancelled(tmp_path):
    machine = Machine(tmp_path / "home", epoch_seconds=1.5)
    try:
        machine.start_all()
        identity = machine.run(BASELINE)
        machine.wait_for(identity, training)
        machine.kill("orchestrator")
        machine.start("orchestrator", [sys.executable, "-c", UPGRADED])
        states = set()

        def seen(described):
            states.add(described.experiment.state)
            return over(described)

        machine.wait_for(identity, seen)
        assert states == {pb.EXPERIMENT_STATE_RUNNING, pb.EXPERIMENT_STATE_SUCCEEDED}
        assert_nothing_was_done_twice(machine, 2)
    finally:
        machine.stop()


@pytest.mark.timeout(600)
def test_one_that_slept_until_it_was_taken_for_dead_begins_nothing_when_it_wakes(tmp_path):
    one_training = BASELINE.replace("seeds: [0, 1]", "seeds: [0]")
    machine = Machine(tmp_path / "home", epoch_seconds=35.0, SAGGAR_TAKEOVER_S="45")  # half a minute to pause it in
    try:
        machine.start_all().start("orchestrator-2")
        identity = machine.run(one_training)
        machine.wait_for(identity, lambda found: any(step.title.startswith("train ") for step in found.steps))
        wait_for(lambda: len(machine.pieces("epochs/")) == 1)
        machine.pause_between_writes("orchestrator")  # its worker drops it after 40 s, in the second epoch
        wait_for(lambda: len(machine.pieces("epochs/")) == 3, timeout_s=300)
        machine.go_on("orchestrator")
        for at in BOTH:
            finished(machine, identity, at)
        pieces = machine.pieces("epochs/")
        assert [piece.finished for piece in pieces] == [True, False, True]
        assert all(one.ended <= other.began for one, other in itertools.pairwise(pieces))
    finally:
        machine.stop()


def wait_for(condition, timeout_s=200):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_workflow_database_that_was_overwritten_is_told_as_such(tmp_path):
    machine = Machine(tmp_path / "home")
    machine.home.database.write_bytes(b"this was a workflow database once\n" * 200)
    environment = (
        os.environ
        | machine.environment
        | {
            "SAGGAR_LISTEN": "127.0.0.1:0",
            "SAGGAR_HOME": str(machine.home.root),
            "SAGGAR_STORE": str(machine.home.root / "store"),
        }
    )
    ended = subprocess.run(
        [sys.executable, "-m", "saggar_orchestrator"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert "workflows.sqlite is no workflow database any more (file is not a database); move it away" in said
    assert "Traceback" not in said
