"""Hand-written stand-ins of the four worker services: real gRPC, real objects in the store, no torch.

`python tests/support/fakes/orchestrator_fakes.py STORE HOST:PORT IMAGE_SECONDS [EPOCH_SECONDS [EPOCHS]]` serves them
in a process of their own.
"""

from __future__ import annotations

import sys
import threading

from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar.v1 import classifier_pb2_grpc, generator_pb2_grpc, qc_pb2_grpc, trainer_pb2_grpc
from stand_ins.classifier import FakeClassifier
from stand_ins.generator import FakeGenerator
from stand_ins.qc import FakeQc
from stand_ins.trainer import FakeTrainer

SERVICES = ("generator", "qc", "trainer", "classifier")


class Fakes(FakeGenerator, FakeQc, FakeTrainer, FakeClassifier):
    """All four services."""


def serve_fakes(store, listen="127.0.0.1:0", image_seconds=0.0, epoch_seconds=0.0, epochs=2):
    """(the fakes, their running server); one address serves all four."""
    fakes = Fakes(store, image_seconds, epoch_seconds, epochs)

    def register(server):
        generator_pb2_grpc.add_GeneratorServiceServicer_to_server(fakes, server)
        qc_pb2_grpc.add_QcServiceServicer_to_server(fakes, server)
        trainer_pb2_grpc.add_TrainerServiceServicer_to_server(fakes, server)
        classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(fakes, server)
        return (
            "saggar.v1.GeneratorService",
            "saggar.v1.QcService",
            "saggar.v1.TrainerService",
            "saggar.v1.ClassifierService",
        )

    return fakes, start_server(register, ServiceSettings(listen=listen))


EXPERIMENT = """\
name: small
taxonomy: kilnsim
data:
  kilnsim: {count: 160, seed: 3, size_px: 32}
seeds: [0, 1]
augmentation: {below: 4, to: 6}
adapter: {images: 20, steps: 5}
generation: {shard_size: 8}
training: {initial_weights: random, max_epochs: 2}
arms:
  - name: baseline
  - name: "95:5"
    synthetic: {share: 0.05}
  - name: "90:10"
    synthetic: {share: 0.10}
"""


if __name__ == "__main__":
    kept = serve_fakes(ServiceSettings(store=sys.argv[1]).open_store(), sys.argv[2], *map(float, sys.argv[3:]))
    threading.Event().wait()
