"""kill -9 at bad moments: of the orchestrator, of a worker, of `saggar up`."""

import json
from collections import Counter

import pytest
from machine import Machine, over
from orchestrator_fakes import EXPERIMENT
from saggar.store import DirectoryStore
from saggar.v1 import orchestrator_pb2 as pb

SHORT = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "90:10"')[0]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    try:
        yield made.start_all()
    finally:
        made.stop()


def generating(described):
    steps = {step.title: step for step in described.steps}
    return steps["generate images"].progress.done >= 5


def test_killed_in_the_middle_of_generation_everything_is_finished_once(machine):
    identity = machine.run(SHORT)
    machine.wait_for(identity, generating)
    machine.kill("generator")  # the orchestrator calls again until it is back
    machine.start("generator")
    machine.kill("orchestrator")  # the next one takes the experiment up by itself
    machine.start("orchestrator")

    described = machine.wait_for(identity, over)
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error
    store = DirectoryStore(machine.home.store)
    steps = [json.loads(store.get(key)) for key in store.list("steps/")]
    planned = next(step["result"]["images"] for step in steps if step["kind"] == "plan")
    assert len(machine.images()) == planned
    assert set(machine.images().values()) == {1}
    assert Counter(step["kind"] for step in steps)["train"] == 2


def test_a_drained_orchestrator_leaves_the_experiment_to_the_next_start(machine):
    identity = machine.run(SHORT)
    machine.wait_for(identity, generating)
    process = machine.processes.pop("orchestrator")
    process.terminate()
    assert process.wait(120) == 0
    machine.start("orchestrator")
    described = machine.wait_for(identity, over)
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error
