"""How many trainers a machine gets."""

import pytest
from saggar.errors import InvalidInputError
from saggar_orchestrator.local import capacity
from saggar_orchestrator.local.capacity import threads_each, trainer_count


@pytest.fixture
def machine(monkeypatch):
    def of(cores, memory_gb=64.0, gpu=False):
        monkeypatch.setattr(capacity, "cores", lambda: cores)
        monkeypatch.setattr(capacity, "_free_memory_gb", lambda: memory_gb)
        monkeypatch.setattr(capacity, "_has_gpu", lambda environment: gpu)

    return of


@pytest.mark.parametrize(
    ("cores", "memory_gb", "gpu", "trainers", "threads"),
    [
        (1, 64, False, 1, "1"),
        (2, 64, False, 2, "1"),
        (8, 64, False, 4, "2"),
        (8, 5, False, 2, "4"),
        (2, 0.5, False, 1, "2"),
        (16, 64, True, 1, "16"),
    ],
)
def test_trainers_by_cores_memory_and_gpu(machine, cores, memory_gb, gpu, trainers, threads):
    machine(cores, memory_gb, gpu)
    assert trainer_count({}) == trainers
    assert threads_each(trainers, {}) == threads


def test_what_is_asked_for_is_done(machine):
    machine(2)
    assert trainer_count({"SAGGAR_TRAINERS": "3"}) == 3
    assert threads_each(3, {}) == "1"
    assert threads_each(3, {"SAGGAR_THREADS": "2"}) == "2"


@pytest.mark.parametrize("asked", ["0", "-1", "many", "17", "1.5"])
def test_what_is_no_count_is_refused(machine, asked):
    machine(2)
    with pytest.raises(InvalidInputError, match=r"SAGGAR_TRAINERS=.*whole number from 1 to 16"):
        trainer_count({"SAGGAR_TRAINERS": asked})


def test_a_device_that_is_asked_for_decides_whether_there_is_a_gpu():
    assert capacity._has_gpu({"SAGGAR_DEVICE": "cuda:1"})
    assert not capacity._has_gpu({"SAGGAR_DEVICE": "cpu"})


def test_this_machine_has_cores_and_memory():
    assert capacity.cores() >= 1
    assert capacity._free_memory_gb() > 0
