"""Trainings beside each other on two trainers: killed in the middle, and compared with one after the other."""

import pytest
from machine import Machine, over
from orchestrator_fakes import EXPERIMENT
from saggar.v1 import orchestrator_pb2 as pb

pytestmark = pytest.mark.slow


@pytest.fixture
def machines(tmp_path):
    made = []

    def of(name, **options):
        made.append(Machine(tmp_path / name, **options))
        return made[-1].start_all()

    yield of
    for machine in made:
        machine.stop()


def finished(machine, identity):
    described = machine.wait_for(identity, over, timeout_s=400)
    assert described.experiment.state == pb.EXPERIMENT_STATE_SUCCEEDED, described.experiment.error
    return described


def two_in_the_middle(described):
    """Whether two trainings are under way, each with an epoch behind it."""
    running = [s for s in described.steps if s.state == pb.STEP_STATE_RUNNING and s.title.startswith("train ")]
    return len([step for step in running if step.progress.done >= 1]) == 2


def test_killed_between_two_trainings_both_go_on_from_their_checkpoints(machines):
    undisturbed = machines("undisturbed")
    expected = undisturbed.run(EXPERIMENT)
    machine = machines("killed", trainers=2, epoch_seconds=1.0)
    identity = machine.run(EXPERIMENT)
    assert identity == expected

    machine.wait_for(identity, two_in_the_middle)
    machine.kill("orchestrator")
    machine.kill("trainer-2")
    machine.start("trainer-2")
    machine.start("orchestrator")
    machine.wait_for(identity, two_in_the_middle)
    machine.kill("trainer-2")  # its training goes on at the other, or here again
    machine.start("trainer-2")

    described = finished(machine, identity)
    finished(undisturbed, expected)
    assert machine.results(identity) == undisturbed.results(expected)
    assert [step.position for step in described.steps] == list(range(len(described.steps)))
    epochs = machine.epochs()
    assert len(epochs) == 2 * 6
    assert all(len(times) == 1 for times in epochs.values())  # no epoch is lost, and none done twice
    assert any(
        one != other and began < other_ended and other_began < ended
        for (one, _), ((began, ended),) in epochs.items()
        for (other, _), ((other_began, other_ended),) in epochs.items()
    ), "no two trainings were ever under way at the same time"
