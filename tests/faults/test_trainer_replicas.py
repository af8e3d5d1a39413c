"""Real trainers side by side: which one trains makes no difference, nor that one is killed and another goes on."""

import os
import subprocess
import sys
import threading
import time

import pytest
from saggar.dataset.split import split
from saggar.errors import SaggarError
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.rpc.channel import open_channel, wait_ready
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar.v1 import trainer_pb2, trainer_pb2_grpc
from saggar_orchestrator.local.supervisor import choose_addresses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TAXONOMY = load_taxonomy("kilnsim")


class Trainer:
    """A trainer process of one thread on the store in `folder`."""

    def __init__(self, folder):
        self.address = choose_addresses(0)["trainer"]
        environment = os.environ | {
            "SAGGAR_LISTEN": self.address,
            "SAGGAR_STORE": str(folder),
            "SAGGAR_THREADS": "1",
            "SAGGAR_DEVICE": "cpu",
        }
        self.log = folder.parent / f"{self.address.rpartition(':')[2]}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "saggar_trainer"], env=environment, stdout=log, stderr=log
            )

    def train(self, request, on_epoch=lambda epoch: None):
        wait_ready(self.address, 300)
        with open_channel(self.address, attempts=1) as channel:
            for event in trainer_pb2_grpc.TrainerServiceStub(channel).Train(request):
                if event.HasField("epoch"):
                    on_epoch(event.epoch.epoch)
                if event.HasField("result"):
                    return event.result
        raise AssertionError("no result")

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def trainers():
    made = []

    def of(folder):
        made.append(Trainer(folder))
        return made[-1]

    yield of
    for trainer in made:
        trainer.kill()


def request_on(folder, drawn):
    """A training of a few pictures, the same on every store that it is made on."""
    store = DirectoryStore(folder)
    manifest = import_csv(drawn.parent, drawn, TAXONOMY, store).manifest
    taxonomy = store.put(
        "taxonomies/kilnsim.json", TAXONOMY.model_dump_json(by_alias=True).encode(), "application/json"
    )
    settings = trainer_pb2.TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights=trainer_pb2.INITIAL_WEIGHTS_RANDOM,
        image_size_px=32,
        batch_size=8,
        max_epochs=4,
        seed=5,
    )
    return trainer_pb2.TrainRequest(
        manifest=ref_to_proto(write_manifest(store, split(manifest, 1))),
        taxonomy=ref_to_proto(taxonomy),
        settings=settings,
    )


def bundle_of(folder, result):
    return DirectoryStore(folder).read(ref_from_proto(result.bundle))


def test_equal_seeds_give_equal_bundles_on_either_trainer_and_after_a_kill(trainers, tmp_path):
    drawn = write_collection(tmp_path / "drawn", 60, 3, 32)
    folders = [tmp_path / name / "store" for name in ("one", "two")]
    requests = [request_on(folder, drawn) for folder in folders]
    assert requests[0] == requests[1]
    one, two = map(trainers, folders)

    def killed(epoch):
        store, deadline = DirectoryStore(folders[1]), time.monotonic() + 60
        while not list(store.list("checkpoints/")) and time.monotonic() < deadline:  # written beside training
            time.sleep(0.01)
        two.kill()

    broken = []

    def be_killed():
        try:
            two.train(requests[1], on_epoch=killed)
        except SaggarError as error:
            broken.append(error)

    beside = threading.Thread(target=be_killed)
    beside.start()
    expected = one.train(requests[0])
    beside.join()
    assert broken, "the killed trainer gave a result"
    seen = []
    other = trainers(folders[1])
    went_on = other.train(requests[1], on_epoch=seen.append)
    assert "continuing after epoch" in other.log.read_text()
    assert seen == list(range(1, 5))  # those before the kill are told again
    assert bundle_of(folders[0], expected) == bundle_of(folders[1], went_on)
    assert expected.made_with == went_on.made_with
    assert expected.made_with["threads"] == "1"
