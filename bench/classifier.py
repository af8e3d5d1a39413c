"""Classification through the service, beside a plain ONNX Runtime loop in one process.

Prints JSON; run it with `make bench`. The model is untrained: its weights don't change the time it takes.
Each photograph is decoded, scaled and classified by itself, one after another, as a catalogue system asks.
"""

import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from saggar.bundle import BundleModel, write_bundle
from saggar.images import decode, preprocess
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import Piece, render
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.rpc.server import start_server
from saggar.store import DirectoryStore, ObjectRef, ObjectStore
from saggar.taxonomy import load_taxonomy
from saggar.v1 import classifier_pb2, classifier_pb2_grpc
from saggar_classifier.servicer import ClassifierServicer
from saggar_classifier.settings import ClassifierSettings
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier

ROUNDS, PHOTOGRAPHS = 9, 20


def main() -> None:
    """Take turns between the two, and print medians and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        bundle = untrained_bundle(store)
        photographs = [photograph(seed) for seed in range(PHOTOGRAPHS)]
        model = BundleModel.load(store, bundle)

        def loop(data: bytes) -> None:
            image = preprocess(decode(data, "photograph"), model.card.input_spec)
            model.predict(image[np.newaxis])

        servicer = ClassifierServicer(store, ClassifierSettings(store=folder))
        server = start_server(servicer.register)
        try:
            with open_channel(server.address) as channel:
                stub: Any = classifier_pb2_grpc.ClassifierServiceStub(channel)
                stub.ActivateModel(classifier_pb2.ActivateModelRequest(bundle=ref_to_proto(bundle)))

                def call(data: bytes) -> None:
                    stub.Classify(classifier_pb2.ClassifyRequest(image=data))

                rates = [(rate(loop, photographs), rate(call, photographs)) for _ in range(ROUNDS + 1)][1:]
        finally:
            server.stop()
    ratios = [service / plain for plain, service in rates]
    result = {
        "bench": "classifier",
        "rounds": ROUNDS,
        "plain_loop_images_per_second": round(statistics.median(plain for plain, _ in rates), 1),
        "service_images_per_second": round(statistics.median(service for _, service in rates), 1),
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
    }
    print(json.dumps(result))


def rate(work: Callable[[bytes], None], photographs: list[bytes]) -> float:
    """Photographs per second."""
    begun = time.perf_counter()
    for data in photographs:
        work(data)
    return len(photographs) / (time.perf_counter() - begun)


def untrained_bundle(store: ObjectStore, seed: int = 0) -> ObjectRef:
    """A MobileNetV3-Large of the paper's size with random weights."""
    torch.manual_seed(seed)
    taxonomy = load_taxonomy("song-yuan-porcelain")
    settings = TrainingSettings(initial_weights="random")
    classes = {task.name: len(task.classes) for task in taxonomy.tasks}
    model = MultiTaskClassifier(build_backbone(settings).layers, classes)
    spec = input_spec(settings)
    return write_bundle(
        store,
        to_onnx(model, spec.size_px),
        b"",
        taxonomy=taxonomy,
        input_spec=spec,
        architecture="mobilenet_v3_large",
        initial_weights="random",
    )[1]


def photograph(seed: int) -> bytes:
    """A JPEG of 512 pixels a side."""
    piece = Piece(dynasty="Song", kiln="Long", glaze="Celadon", type="Bowl", seed=seed, domain="collection")
    buffer = io.BytesIO()
    Image.fromarray(render(piece, 512)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
