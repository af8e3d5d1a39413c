"""A trainer with a store of coloured squares and circles of 32 pixels, and the calls that tests make."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from saggar.bundle import (
    BundleCard,
)
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.images import decode, preprocess
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.stored_datasets import write_manifest
from saggar.v1 import trainer_pb2, trainer_pb2_grpc
from saggar_trainer.servicer import register
from saggar_trainer.settings import TrainerSettings

TAXONOMY = """
id: squares
title: Coloured shapes
caption: ["{colour} {type}"]
prompt: ["{colour} {type}"]
tasks:
  - name: colour
    classes:
      - {code: Red, names: {en: red}, phrase: red}
      - {code: Blue, names: {en: blue}, phrase: blue}
      - {code: Green, names: {en: green}, phrase: green}
  - name: type
    weight: 0.5
    classes:
      - {code: Square, names: {en: square}, phrase: square}
      - {code: Circle, names: {en: circle}, phrase: circle}
"""
TASKS = ("colour", "type")


def picture(colour: str, kind: str, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(150, 180, (48, 40, 3), dtype=np.uint8))
    draw = ImageDraw.Draw(image)
    shape = draw.rectangle if kind == "Square" else draw.ellipse
    shape((8, 10, 32, 36), fill={"Red": (200, 20, 20), "Blue": (20, 20, 200), "Green": (20, 200, 20)}[colour])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def records(store: DirectoryStore, count: int = 24) -> list[Record]:
    made = []
    for i in range(count):
        colour, kind = ("Red", "Blue")[i % 2], ("Square", "Circle")[i // 2 % 2]
        split = ("train", "train", "validation", "test")[i // 4 % 4]
        labels = {"colour": colour, "type": kind if i % 5 else None}
        image = put_image(store, picture(colour, kind, i), "png").key
        made.append(Record(image, f"piece-{i}", labels, split, source=f"{i}.png"))
    augmented = [
        Record(r.image, r.object_id, r.labels, "train", "augmented", source=r.source, augmentation_seed=9)
        for r in made[:2]
    ]
    return made + augmented


def relabelled(rows: list[Record], **labels: str | None) -> list[Record]:
    return [dataclasses.replace(row, labels={**row.labels, **labels}) for row in rows]


class Trainer:
    """A trainer, a store with the pictures, and the calls that tests make."""

    def __init__(self, folder: Path) -> None:
        self.store = DirectoryStore(folder)
        self.taxonomy = self.store.put("taxonomies/squares.yaml", TAXONOMY.encode(), "application/yaml")
        self.manifest = self.write(records(self.store))
        self.settings = TrainerSettings(threads=1, device="cpu")
        self.server = start_server(lambda server: register(server, self.store, self.settings), self.settings)
        self.channel = open_channel(self.server.address)
        self.stub: Any = trainer_pb2_grpc.TrainerServiceStub(self.channel)

    def stop(self) -> None:
        self.channel.close()
        self.server.stop()

    def write(self, rows: list[Record]) -> ObjectRef:
        return write_manifest(self.store, Manifest.from_records(rows, TASKS))

    def request(self, manifest: ObjectRef | None = None, **changes: Any) -> trainer_pb2.TrainRequest:
        settings = {
            "architecture": "mobilenet_v3_large_minimalistic",
            "initial_weights": trainer_pb2.INITIAL_WEIGHTS_RANDOM,
            "image_size_px": 32,
            "batch_size": 8,
            "max_epochs": 1,
            "backbone_learning_rate": 3e-3,
            "head_learning_rate": 3e-3,
            "projection": False,
        } | changes
        return trainer_pb2.TrainRequest(
            manifest=ref_to_proto(manifest or self.manifest),
            taxonomy=ref_to_proto(self.taxonomy),
            settings=trainer_pb2.TrainingSettings(**settings),
            annotations={"arm": "baseline"},
        )

    def train(self, **changes: Any) -> list[trainer_pb2.TrainResponse]:
        return list(self.stub.Train(self.request(**changes)))

    def evaluate(self, bundle: Any, split: str = "test", manifest: ObjectRef | None = None) -> Any:
        request = trainer_pb2.EvaluateRequest(
            bundle=bundle, manifest=ref_to_proto(manifest or self.manifest), split=split
        )
        return list(self.stub.Evaluate(request))[-1].result


def prepared(trainer: Trainer, image: str, card: BundleCard) -> np.ndarray:
    return preprocess(decode(trainer.store.get(image), image), card.input_spec)[None]
