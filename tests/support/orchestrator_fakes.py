"""Hand-written stand-ins of the four worker services: real gRPC, real objects in the store, no torch.

`python tests/support/orchestrator_fakes.py STORE HOST:PORT IMAGE_SECONDS [EPOCH_SECONDS]` serves them in a process of
their own.
"""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import time
import uuid
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.errors import CancelledError, WrongStateError
from saggar.images import decode
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.server import start_server
from saggar.rpc.work import stream_events
from saggar.settings import ServiceSettings
from saggar.store import DirectoryStore, put_image
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar.v1 import (
    classifier_pb2,
    classifier_pb2_grpc,
    common_pb2,
    generator_pb2,
    generator_pb2_grpc,
    qc_pb2,
    qc_pb2_grpc,
    trainer_pb2,
    trainer_pb2_grpc,
)

TAXONOMY = load_taxonomy("kilnsim")
SERVICES = ("generator", "qc", "trainer", "classifier")


class Fakes(
    generator_pb2_grpc.GeneratorServiceServicer,
    qc_pb2_grpc.QcServiceServicer,
    trainer_pb2_grpc.TrainerServiceServicer,
    classifier_pb2_grpc.ClassifierServiceServicer,
):
    """All four services. `calls` counts work by RPC; `errors[rpc]` are raised by the next calls, in turn."""

    def __init__(self, store, image_seconds=0.0, epoch_seconds=0.0):
        self.store = store
        self.calls = Counter()
        self.generated = Counter()  # prompt id -> how often it was really made
        self.errors = defaultdict(list)
        self.taxonomies = {}  # of bundles, by their hash
        self.image_seconds = image_seconds
        self.epoch_seconds = epoch_seconds  # with it trainings keep checkpoints and notes of what they did
        self.epochs = 2
        self.hold = {}  # rpc -> event that its work waits for
        self.active = None
        self.base_hash = "a" * 64
        self.people_done = threading.Event()
        self.rejects = 10  # one image in so many
        self.uses = {}  # what the last request's adapters were, with their weights
        self.adapted = set()  # keys of images that adapters took part in
        self.strengths = {}  # prompt id -> of the photograph that it starts from; 0: of none
        self.avoided = {}  # prompt -> negative prompt, as they were asked for

    def _begin(self, rpc):
        self.calls[rpc] += 1
        if self.errors[rpc]:
            raise self.errors[rpc].pop(0)

    def _wait(self, rpc, emit, cancelled):
        gate = self.hold.get(rpc)
        while gate is not None and not gate.is_set() and not cancelled.is_set():
            emit(common_pb2.Progress(stage="held", done=1, total=2, unit="steps"))
            gate.wait(0.05)

    def _put(self, folder, name, value):
        data = json.dumps(value, sort_keys=True).encode()
        identity = hashlib.sha256(data).hexdigest()[:16]
        return self.store.put(f"{folder}/{identity}/{name}", data, "application/json")

    def Train(self, request, context):
        self._begin("Train")

        def work(emit, cancelled):
            self._wait("Train", emit, cancelled)
            for epoch in range(self._epochs_done(request.request_id) + 1, self.epochs + 1):
                self._epoch(request.request_id, epoch, cancelled)
                emit(
                    common_pb2.Progress(
                        stage="training", done=epoch, total=self.epochs, unit="epochs", metrics={"loss": 1 / epoch}
                    )
                )
            seed = request.settings.seed
            bundle = self._put("bundles", "bundle.json", {"manifest": request.manifest.sha256, "seed": seed})
            taxonomy = Taxonomy.model_validate_json(self.store.read(ref_from_proto(request.taxonomy)))
            self.taxonomies[bundle.sha256] = taxonomy
            tasks = dict.fromkeys(taxonomy.task_names, 0.5)
            epochs = [
                {
                    "epoch": e,
                    "training_loss": 3 / e,
                    "validation_loss": 4 / e,
                    "validation_macro_f1": 0.4 + 0.1 * e,
                    "validation_macro_f1_by_task": tasks,
                }
                for e in (1, 2)
            ]
            history = self._put("histories", "history.json", {"epochs": epochs, "of": bundle.key})
            size = len(read_manifest(self.store, ref_from_proto(request.manifest)))
            return trainer_pb2.TrainResult(
                bundle=ref_to_proto(bundle),
                history=ref_to_proto(history),
                best_epoch=2,
                validation_macro_f1=0.5 + size / 1e5 + seed / 1e4,
                warnings=["random initial weights: accuracy suffers"],
                made_with={"device": "cpu", "threads": "1", "torch": "2.9"},
            )

        yield from stream_events(context, trainer_pb2.TrainResponse, work)

    def _epochs_done(self, request_id):
        return len({key.split("/")[2] for key in self.store.list(f"epochs/{request_id}/")})

    def _epoch(self, request_id, epoch, cancelled):
        if not self.epoch_seconds:
            return
        began = time.time()
        if cancelled.wait(self.epoch_seconds):
            raise CancelledError("cancelled by the caller")
        note = json.dumps({"began": began, "ended": time.time()}).encode()
        self.store.put(f"epochs/{request_id}/{epoch}/{uuid.uuid4().hex}.json", note, "application/json")

    def Evaluate(self, request, context):
        self._begin("Evaluate")

        def work(emit, cancelled):
            manifest = read_manifest(self.store, ref_from_proto(request.manifest)).select(split=request.split)
            rng = np.random.default_rng(int(request.bundle.sha256[:8], 16))
            columns = {name: list(manifest.frame[name]) for name in ("image", "object_id")}
            for task in self.taxonomies.get(request.bundle.sha256, TAXONOMY).tasks:
                true = [r.labels[task.name] for r in manifest.records()]
                logits = rng.random((len(true), len(task.codes)))
                for row, code in enumerate(true):
                    if code is not None:
                        logits[row, task.codes.index(code)] += rng.random() < 0.7
                shares = logits / logits.sum(axis=1, keepdims=True)
                columns[f"true_{task.name}"] = true
                columns[f"predicted_{task.name}"] = [task.codes[i] for i in shares.argmax(axis=1)]
                columns[f"probabilities_{task.name}"] = list(shares)
            predictions = self._put_predictions(columns)
            metrics = self._put("metrics", "metrics.json", {"n": len(manifest), "of": predictions.key})
            return trainer_pb2.EvaluateResult(
                metrics=ref_to_proto(metrics),
                predictions=ref_to_proto(predictions),
                mean_macro_f1=0.5,
                count=len(manifest),
            )

        yield from stream_events(context, trainer_pb2.EvaluateResponse, work)

    def Predict(self, request, context):
        """Every label is right, but the type of images that no adapter took part in."""
        self._begin("Predict")

        def work(emit, cancelled):
            records = list(read_manifest(self.store, ref_from_proto(request.manifest)).records())
            columns = {
                "image": [record.image for record in records],
                "object_id": [record.object_id for record in records],
            }
            for task in TAXONOMY.tasks:
                true = [record.labels[task.name] for record in records]
                numbers = np.array([task.codes.index(code) for code in true])
                for row, record in enumerate(records):
                    bare = record.origin == "synthetic" and record.image not in self.adapted
                    numbers[row] += bare and task.name == "type"
                numbers %= len(task.codes)
                columns[f"true_{task.name}"] = true
                columns[f"predicted_{task.name}"] = [task.codes[number] for number in numbers]
                columns[f"probabilities_{task.name}"] = list(np.eye(len(task.codes))[numbers])
            return trainer_pb2.PredictResult(
                predictions=ref_to_proto(self._put_predictions(columns)), count=len(records)
            )

        yield from stream_events(context, trainer_pb2.PredictResponse, work)

    def _put_predictions(self, columns):
        buffer = io.BytesIO()
        pd.DataFrame(columns).to_parquet(buffer)
        data = buffer.getvalue()
        key = f"predictions/{hashlib.sha256(data).hexdigest()[:16]}.parquet"
        return self.store.put(key, data, "application/vnd.apache.parquet")

    def TrainAdapter(self, request, context):
        self._begin("TrainAdapter")

        def work(emit, cancelled):
            self._wait("TrainAdapter", emit, cancelled)
            splits = set(read_manifest(self.store, ref_from_proto(request.manifest)).frame["split"])
            assert splits == {"train"}, splits
            made_from = {"manifest": request.manifest.sha256, "base": self.base_hash}
            card = made_from | {"curve": None, "previews": []}
            adapter = self._put("adapters", "adapter.json", card)
            return generator_pb2.TrainAdapterResult(
                adapter=ref_to_proto(adapter), weights=ref_to_proto(adapter), final_loss=0.1, steps=10
            )

        yield from stream_events(context, generator_pb2.TrainAdapterResponse, work)

    def ResolveBaseModel(self, request, context):
        self._begin("ResolveBaseModel")

        def work(emit, cancelled):
            return generator_pb2.ResolveBaseModelResult(content_hash=self.base_hash)

        yield from stream_events(context, generator_pb2.ResolveBaseModelResponse, work)

    def Generate(self, request, context):
        self._begin("Generate")

        def work(emit, cancelled):
            made = []
            self.uses = {use.name: (use.adapter.uri, use.weight) for use in request.adapters}
            self.strengths |= {prompt.prompt_id: prompt.start.strength for prompt in request.prompts}
            self.avoided |= {prompt.prompt: prompt.negative_prompt for prompt in request.prompts}
            for prompt in request.prompts:
                self._wait("Generate", emit, cancelled)
                if cancelled.is_set():
                    break
                made.append(self._image(prompt, cancelled, request.adapters))
                emit(generator_pb2.GenerateResponse(image=made[-1]))
            return generator_pb2.GenerateResult(images=made)

        yield from stream_events(context, generator_pb2.GenerateResponse, work)

    def _image(self, prompt, cancelled, adapters):
        made_from = f"{prompt.prompt}|{prompt.seed}|{[(a.adapter.uri, a.weight) for a in adapters]}"
        index = f"generated/{hashlib.sha256(made_from.encode()).hexdigest()}.json"
        if self.store.exists(index):
            image = self.store.stat(json.loads(self.store.get(index))["image"])
            return generator_pb2.GeneratedImage(
                prompt_id=prompt.prompt_id, image=ref_to_proto(image), seed=prompt.seed, reused=True
            )
        cancelled.wait(self.image_seconds)
        seed = int(hashlib.sha256(made_from.encode()).hexdigest()[:12], 16)
        pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        image = put_image(self.store, buffer.getvalue(), "png")
        self.store.put(index, json.dumps({"image": image.key}).encode(), "application/json")
        self.generated[prompt.prompt_id] += 1
        if adapters:
            self.adapted.add(image.key)
        return generator_pb2.GeneratedImage(prompt_id=prompt.prompt_id, image=ref_to_proto(image), seed=prompt.seed)

    def Screen(self, request, context):
        self._begin("Screen")

        def work(emit, cancelled):
            manifest = read_manifest(self.store, ref_from_proto(request.manifest))
            bad = np.array([zlib.crc32(s.encode()) % self.rejects == 0 for s in manifest.frame["source"]])
            accepted, rejected = manifest.take(~bad), manifest.take(bad)
            measures = qc_pb2.SetMeasures(
                extractor="backbone:fake",
                first_count=len(accepted),
                second_count=100,
                feature_dimensions=4,
                fid=10.0,
                kid=0.01,
                kid_low=0.005,
                kid_high=0.02,
                warnings=["fewer than 2,048 images a side: FID is biased upwards"],
            )
            report = self._put("screenings", "report.json", {"of": request.manifest.sha256})
            return qc_pb2.ScreenResult(
                accepted=ref_to_proto(write_manifest(self.store, accepted)),
                rejected=ref_to_proto(write_manifest(self.store, rejected)),
                accepted_count=len(accepted),
                rejected_count=len(rejected),
                rejected_by_reason={"blurred": len(rejected)},
                measures=measures,
                report=ref_to_proto(report),
            )

        yield from stream_events(context, qc_pb2.ScreenResponse, work)

    def CompareSets(self, request, context):
        """Half as far with adapters as without, told apart by what the images were made from."""
        self._begin("CompareSets")

        def work(emit, cancelled):
            first = read_manifest(self.store, ref_from_proto(request.first))
            second = read_manifest(self.store, ref_from_proto(request.second))
            adapted = set(first.frame["image"]) <= self.adapted
            return qc_pb2.SetMeasures(
                extractor="backbone:fake",
                first_count=len(first),
                second_count=len(second),
                fid=20.0 if adapted else 40.0,
                kid=0.01 if adapted else 0.02,
                warnings=["few images"],
            )

        yield from stream_events(context, qc_pb2.CompareSetsResponse, work)

    def ImportAdapter(self, request, context):
        self._begin("ImportAdapter")

        def work(emit, cancelled):
            adapter = self._put("adapters", "adapter.json", {"from": request.path})
            return generator_pb2.ImportAdapterResult(
                adapter=ref_to_proto(adapter), unet_layers=3, warnings=["it does not say what it is for"]
            )

        yield from stream_events(context, generator_pb2.ImportAdapterResponse, work)

    def DescribeGenerator(self, request, context):
        return generator_pb2.DescribeGeneratorResponse(queue_limit=16)

    def OpenReview(self, request, context):
        self._begin("OpenReview")
        self.opened = request
        self.reviewed = read_manifest(self.store, ref_from_proto(request.manifest))
        return qc_pb2.OpenReviewResponse(review_id="r1", items=len(self.reviewed))

    def DescribeReview(self, request, context):
        """Finished once `people_done` is set; each call before is one image further."""
        self._begin("DescribeReview")
        done = self.people_done.is_set()
        left = 0 if done else max(1, len(self.reviewed) - self.calls["DescribeReview"])
        return qc_pb2.DescribeReviewResponse(items=len(self.reviewed), left=left, finished=done)

    def CloseReview(self, request, context):
        self._begin("CloseReview")
        return qc_pb2.CloseReviewResponse()

    def ConcludeReview(self, request, context):
        """Every third image is rejected, the second one's glaze made unknown."""
        self._begin("ConcludeReview")
        frame = self.reviewed.frame.copy()
        frame.loc[frame.index[1:2], "label_glaze"] = None
        changed = Manifest(frame, self.reviewed.tasks)
        bad = np.arange(len(frame)) % 3 == 0
        return qc_pb2.ConcludeReviewResponse(
            accepted=ref_to_proto(write_manifest(self.store, changed.take(~bad))),
            rejected=ref_to_proto(write_manifest(self.store, changed.take(bad))),
            accepted_count=int((~bad).sum()),
            rejected_count=int(bad.sum()),
            reviewed_count=len(frame),
            passed_count=int((~bad).sum()),
            pass_rate_low=0.8,
            pass_rate_high=1.0,
            masked_by_task={"glaze": 1},
        )

    def ActivateModel(self, request, context):
        self._begin("ActivateModel")
        self.active = request.bundle.uri.split("/")[1]
        return classifier_pb2.ActivateModelResponse(model_id=self.active)

    def DescribeModel(self, request, context):
        if self.active is None:
            raise WrongStateError("no model is active")
        return classifier_pb2.DescribeModelResponse(model_id=self.active)

    def Classify(self, request, context):
        if self.active is None:
            raise WrongStateError("no model is active; activate one with `saggar models activate`")
        decode(request.image, "the photograph")
        predictions = [
            classifier_pb2.TaskPrediction(
                task=task.name,
                classes=[
                    classifier_pb2.ClassProbability(code=c.code, name=c.names.en, probability=1 / (i + 2))
                    for i, c in enumerate(task.classes[: request.top_k])
                ],
            )
            for task in TAXONOMY.tasks
        ]
        return classifier_pb2.ClassifyResponse(model_id=self.active, predictions=predictions)


def serve_fakes(store, listen="127.0.0.1:0", image_seconds=0.0, epoch_seconds=0.0):
    """(the fakes, their running server); one address serves all four."""
    fakes = Fakes(store, image_seconds, epoch_seconds)

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
    kept = serve_fakes(DirectoryStore(Path(sys.argv[1])), sys.argv[2], *map(float, sys.argv[3:]))
    threading.Event().wait()
