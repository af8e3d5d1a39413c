"""A trainer that learns nothing: bundles that nobody can run, predictions that are right seven times of ten."""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pandas as pd
from saggar.bundle import BundleCard
from saggar.errors import CancelledError
from saggar.images import InputSpec
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.serving.work import stream_events
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy
from saggar.v1 import common_pb2, trainer_pb2, trainer_pb2_grpc

from stand_ins.service import TAXONOMY, FakeService


class FakeTrainer(FakeService, trainer_pb2_grpc.TrainerServiceServicer):
    """Stands in for the trainer service."""

    def Train(self, request, context):
        self._begin("Train")
        self.fresh["Train"].add(request.fresh)

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
            taxonomy = Taxonomy.model_validate_json(self.store.read(ref_from_proto(request.taxonomy)))
            bundle = self._bundle(taxonomy, {"manifest": request.manifest.sha256, "seed": seed})
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

    def _bundle(self, taxonomy, training):
        """A card as the trainer writes it, of a network that nobody can run."""
        identity = hashlib.sha256(json.dumps(training, sort_keys=True).encode()).hexdigest()[:16]
        network = self.store.put(f"bundles/{identity}/model.onnx", b"no network", "application/octet-stream")
        card = BundleCard(
            bundle_id=identity,
            taxonomy=taxonomy,
            input_spec=InputSpec(size_px=16),
            architecture="mobilenet_v3_large",
            initial_weights="random",
            training=training,
            onnx=network,
            weights=network,
        )
        return self.store.put(
            f"bundles/{identity}/bundle.json", card.model_dump_json(by_alias=True).encode(), "application/json"
        )

    def _epochs_done(self, request_id):
        return len({key.split("/")[2] for key in self.store.list(f"epochs/{request_id}/") if "/ended-" in key})

    def _epoch(self, request_id, epoch, cancelled):
        if not self.epoch_seconds:
            return
        with self._noted(f"epochs/{request_id}/{epoch}"):
            if cancelled.wait(self.epoch_seconds):
                raise CancelledError("cancelled by the caller")

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
            metrics = self._put("evaluations", "metrics.json", {"n": len(manifest), "of": predictions.key})
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
        key = f"evaluations/{hashlib.sha256(data).hexdigest()[:16]}.parquet"
        return self.store.put(key, data, "application/vnd.apache.parquet")
