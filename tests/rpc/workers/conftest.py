"""The trainer that tests of a file share, and the events of its first training."""

from collections.abc import Iterator

import pytest
from saggar.v1 import trainer_pb2
from trainer_rig import Trainer


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    made = Trainer(tmp_path_factory.mktemp("store"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def events(trainer: Trainer) -> list[trainer_pb2.TrainResponse]:
    return trainer.train(max_epochs=2)
