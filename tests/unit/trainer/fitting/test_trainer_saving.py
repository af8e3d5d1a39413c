"""Checkpoints written beside training, by time."""

import threading
import time
from pathlib import Path

import pytest
import torch
from saggar.errors import StorageFullError
from saggar.store import DirectoryStore
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.loop import Snapshot
from saggar_trainer.fitting.saving import CheckpointWriter

KEY = "checkpoints/trainer/run/state.safetensors"


class Slow(DirectoryStore):
    """Its writes wait until they are let through, and may fail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.open = threading.Event()
        self.written: list[bytes] = []
        self.begun = threading.Semaphore(0)
        self.fails = False

    def replace(self, key: str, data: bytes, media_type: str) -> None:
        self.begun.release()
        self.open.wait()
        if self.fails:
            raise StorageFullError("no room left")
        super().replace(key, data, media_type)
        self.written.append(data)


@pytest.fixture
def store(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def snapshot(value: float) -> Snapshot:
    state = {"weight": torch.full((3,), value)}
    return Snapshot((), state, state, {})


def value(store: DirectoryStore, tmp_path: Path) -> float:
    path = tmp_path / "fetched"
    store.fetch(KEY, path)
    return float(checkpoint.from_file(str(path)).model["weight"][0])


def test_training_goes_on_while_a_checkpoint_is_written_and_it_is_of_the_moment(store: Slow, tmp_path: Path) -> None:
    def interrupted() -> None:
        first = snapshot(1)
        with CheckpointWriter(store, KEY, every_s=60) as writer:
            writer.offer(first)
            store.begun.acquire()
            first.model["weight"].fill_(9)  # the next step
            store.open.set()
            while not store.written:
                time.sleep(0.01)
            assert value(store, tmp_path) == 1
            writer.offer(snapshot(2))  # not yet due
            writer.offer(snapshot(3))
            assert len(store.written) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert value(store, tmp_path) == 3  # what was not written yet is written when the run is interrupted
    assert len(store.written) == 2


def test_what_waits_is_written_when_its_time_has_come(store: Slow, tmp_path: Path) -> None:
    store.open.set()
    with CheckpointWriter(store, KEY, every_s=0.2) as writer:
        writer.offer(snapshot(1))
        store.begun.acquire()
        started = time.monotonic()
        writer.offer(snapshot(2))
        store.begun.acquire()
        assert time.monotonic() - started > 0.1
    assert value(store, tmp_path) == 2


def test_a_run_that_ends_well_writes_no_more(store: Slow) -> None:
    store.open.set()
    with CheckpointWriter(store, KEY, every_s=60) as writer:
        writer.offer(snapshot(1))
        store.begun.acquire()
        writer.offer(snapshot(2))
    assert len(store.written) == 1


def test_a_store_that_cannot_be_written_to_stops_the_run(store: Slow) -> None:
    store.fails = True
    store.open.set()

    def training() -> None:
        with CheckpointWriter(store, KEY, every_s=0) as writer:
            for step in range(1000):
                writer.offer(snapshot(step))
                time.sleep(0.01)

    with pytest.raises(StorageFullError):
        training()
