"""The trainer over a real server: coloured squares and circles of 32 pixels, an epoch or two."""

import dataclasses
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from saggar.bundle import (
    BundleCard,
    BundleModel,
    Golden,
    read_card,
    read_golden,
    read_neighbours,
    read_novelty,
)
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError, WrongStateError
from saggar.images import decode, preprocess
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.server import start_server
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.stored_datasets import write_manifest
from saggar.v1 import trainer_pb2, trainer_pb2_grpc
from saggar_trainer.model.backbone import minimalistic
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
    shape((8, 10, 32, 36), fill={"Red": (200, 20, 20), "Blue": (20, 20, 200)}[colour])
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


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    made = Trainer(tmp_path_factory.mktemp("store"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def events(trainer: Trainer) -> list[trainer_pb2.TrainResponse]:
    return trainer.train(max_epochs=2)


def kinds(events: list[trainer_pb2.TrainResponse]) -> list[str]:
    return [event.WhichOneof("event") for event in events]


def test_training_streams_progress_and_epochs_and_ends_with_one_result(trainer: Trainer, events: Any) -> None:
    assert kinds(events)[-1] == "result"
    assert kinds(events).count("result") == 1
    epochs = [event.epoch for event in events if event.HasField("epoch")]
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert epochs[0].best
    assert set(epochs[0].validation_macro_f1_by_task) == set(TASKS)
    stages = {event.progress.stage for event in events if event.HasField("progress")}
    assert {"decoding training images", "training", "exporting"} <= stages

    result = events[-1].result
    assert result.validation_macro_f1 == max(epoch.validation_macro_f1 for epoch in epochs)
    made_with = result.made_with
    assert (made_with["device"], int(made_with["threads"]) > 0, bool(made_with["torch"])) == ("cpu", True, True)
    assert any("random initial weights" in warning for warning in result.warnings)
    assert any("no training image of Green" in warning for warning in result.warnings)


def test_the_card_says_how_the_bundle_came_to_be(trainer: Trainer, events: Any) -> None:
    result = events[-1].result
    card = read_card(trainer.store, ref_from_proto(result.bundle))
    assert card.architecture == "mobilenet_v3_large_minimalistic"
    assert card.initial_weights == "random"
    assert card.warnings == tuple(result.warnings)
    assert card.input_spec.mean == (0.5, 0.5, 0.5)
    assert card.annotations == {"arm": "baseline"}
    assert card.training["max_epochs"] == 2
    assert card.metrics["best_epoch"] == result.best_epoch
    history = json.loads(trainer.store.read(ref_from_proto(result.history)))
    assert len(history["epochs"]) == 2
    assert history["counts"] == {
        "test": {"real": 4},
        "train": {"augmented": 2, "real": 16},
        "validation": {"real": 4},
    }


def test_equal_work_is_found_again_and_leaves_no_checkpoint(trainer: Trainer, events: Any) -> None:
    again = trainer.train(max_epochs=2)
    assert kinds(again) == ["result"]
    assert again[-1].result == events[-1].result
    assert list(trainer.store.list("checkpoints/")) == []


def test_evaluation_counts_every_image_of_the_split(trainer: Trainer, events: Any) -> None:
    bundle = events[-1].result.bundle
    result = trainer.evaluate(bundle)
    metrics = json.loads(trainer.store.read(ref_from_proto(result.metrics)))
    table = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(result.predictions))))
    assert result.count == len(table) == metrics["count"] == 4
    assert metrics["split"] == "test"
    assert result.mean_macro_f1 == pytest.approx(np.mean(list(result.macro_f1_by_task.values())))

    colour = metrics["tasks"]["colour"]
    right = (table["true_colour"] == table["predicted_colour"]).mean()
    assert colour["top_1"] == pytest.approx(right) == result.accuracy_by_task["colour"]
    assert colour["classes"] == ["Red", "Blue", "Green"]
    assert np.sum(colour["confusion"]) == colour["n"] == 4
    assert metrics["tasks"]["type"]["n"] == table["true_type"].notna().sum() < 4
    probabilities = np.stack(table["probabilities_colour"].tolist())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert trainer.evaluate(bundle) == result


def test_an_interrupted_run_continues_from_its_checkpoint(trainer: Trainer) -> None:
    call = trainer.stub.Train(trainer.request(max_epochs=3, seed=5))
    for event in call:
        if event.HasField("epoch"):
            call.cancel()
            break
    deadline = time.monotonic() + 30  # it is written beside training
    while not list(trainer.store.list("checkpoints/trainer/")) and time.monotonic() < deadline:
        time.sleep(0.05)
    (checkpoint,) = trainer.store.list("checkpoints/trainer/")
    assert checkpoint.endswith("state.safetensors")

    continued = trainer.train(max_epochs=3, seed=5)
    first_step = next(e.progress for e in continued if e.progress.stage == "training")
    assert first_step.done > first_step.total / 3  # not from the beginning
    assert [event.epoch.epoch for event in continued if event.HasField("epoch")] == [1, 2, 3]
    assert list(trainer.store.list("checkpoints/")) == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"batch_size": 1}, "batch_size"),
        ({"architecture": "resnet"}, "architecture"),
        ({"sampler_task": "kiln"}, "no task 'kiln' in taxonomy squares"),
        ({"task_weights": {"glaze": 1.0}}, "no task 'glaze'"),
    ],
)
def test_bad_settings_are_named(trainer: Trainer, changes: dict, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match) as caught:
        trainer.train(**changes)
    assert caught.value.violations


def test_weights_that_are_not_there_are_named(trainer: Trainer) -> None:
    with pytest.raises(NotFoundError, match=r"missing\.safetensors.*trainer's machine"):
        trainer.train(initial_weights=trainer_pb2.INITIAL_WEIGHTS_FILE, initial_weights_path="missing.safetensors")


def test_what_must_not_be_trained_or_evaluated_on_is_refused(trainer: Trainer, events: Any) -> None:
    rows = records(trainer.store)
    real = [row for row in rows if row.origin == "real"]
    test_rows = [row for row in real if row.split == "test"]
    made = [Record(row.image, row.object_id, row.labels, "test", "synthetic", source="prompt") for row in test_rows]
    leaky = trainer.write([row for row in real if row.split != "test"] + made)
    with pytest.raises(InvalidInputError, match="synthetic in test"):
        list(trainer.stub.Train(trainer.request(leaky)))
    with pytest.raises(InvalidInputError, match="evaluate on real photographs only"):
        trainer.evaluate(events[-1].result.bundle, manifest=leaky)

    untrained = trainer.write([row for row in real if row.split != "train"])
    with pytest.raises(InvalidInputError, match="0 rows in split train"):
        list(trainer.stub.Train(trainer.request(untrained)))
    with pytest.raises(InvalidInputError, match="no rows in split validation"):
        trainer.evaluate(events[-1].result.bundle, "validation", trainer.write(test_rows))
    with pytest.raises(InvalidInputError, match="must be validation or test"):
        trainer.evaluate(events[-1].result.bundle, "train")

    stranger = [Record(real[0].image, "piece", {"colour": "Purple"}, "train", source="x"), *real[1:]]
    with pytest.raises(InvalidInputError, match="Purple"):
        list(trainer.stub.Train(trainer.request(trainer.write(stranger))))


def test_predictions_are_of_every_row_whatever_it_is(trainer: Trainer, events: Any) -> None:
    bundle = events[-1].result.bundle
    rows = records(trainer.store)[:16]
    made = [Record(row.image, f"p{i}", row.labels, "train", "synthetic", source="p") for i, row in enumerate(rows)]
    request = trainer_pb2.PredictRequest(bundle=bundle, manifest=ref_to_proto(trainer.write(made)))
    *_, last = trainer.stub.Predict(request)
    frame = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(last.result.predictions))))
    assert last.result.count == len(frame) == 16
    assert list(frame["image"]) == [row.image for row in rows]
    assert frame["true_type"].isna().tolist() == [row.labels["type"] is None for row in rows]
    evaluated = trainer.evaluate(bundle, "test")
    known = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(evaluated.predictions))))
    both = frame.merge(known, on="image")
    assert len(both) > 0
    assert (both["predicted_colour_x"] == both["predicted_colour_y"]).all()
    assert list(trainer.stub.Predict(request))[-1] == last
    empty = trainer_pb2.PredictRequest(bundle=bundle, manifest=ref_to_proto(trainer.write([])))
    with pytest.raises(InvalidInputError, match="no rows"):
        list(trainer.stub.Predict(empty))


def test_an_image_that_is_gone_is_named(trainer: Trainer) -> None:
    rows = records(trainer.store)
    lost = Record("images/00/" + "0" * 64 + ".png", "piece", rows[0].labels, "train", source="x")
    with pytest.raises(NotFoundError, match="images/00/"):
        list(trainer.stub.Train(trainer.request(trainer.write([lost, *rows]))))


def test_a_loss_that_is_not_finite_is_a_wrong_state(trainer: Trainer, tmp_path: Path) -> None:
    state = minimalistic().state_dict()
    state["features.0.0.weight"].fill_(float("nan"))
    save_file(state, tmp_path / "broken.safetensors")
    with pytest.raises(WrongStateError, match="not finite in epoch 1, step 1"):
        trainer.train(
            initial_weights=trainer_pb2.INITIAL_WEIGHTS_FILE, initial_weights_path=str(tmp_path / "broken.safetensors")
        )


def relabelled(rows: list[Record], **labels: str | None) -> list[Record]:
    return [dataclasses.replace(row, labels={**row.labels, **labels}) for row in rows]


@pytest.mark.parametrize("how", ["no weight", "no labels"])
def test_a_task_that_is_not_taught_is_neither_scored_nor_served(trainer: Trainer, how: str) -> None:
    rows = records(trainer.store)
    if how == "no weight":
        manifest, changes = trainer.manifest, {"task_weights": {"type": 0.0}}
    else:
        training = [row for row in rows if row.split == "train"]
        others = [row for row in rows if row.split != "train"]
        manifest, changes = trainer.write(relabelled(training, type=None) + others), {}
    *_, last = trainer.stub.Train(trainer.request(manifest, **changes))
    card = read_card(trainer.store, ref_from_proto(last.result.bundle))
    assert card.not_answered == ("type",)
    assert card.taxonomy.task_names == ("colour",)
    assert any(warning.startswith("type: ") and "served" in warning for warning in last.result.warnings)
    result = trainer.evaluate(last.result.bundle, manifest=manifest)
    assert set(result.macro_f1_by_task) == {"colour"}
    table = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(result.predictions))))
    assert list(table.columns) == ["image", "object_id", "true_colour", "predicted_colour", "probabilities_colour"]


def test_a_data_set_without_any_label_is_refused(trainer: Trainer) -> None:
    rows = relabelled(records(trainer.store), colour=None, type=None)
    with pytest.raises(InvalidInputError, match=r"no task can be taught \(colour: no training image teaches it"):
        list(trainer.stub.Train(trainer.request(trainer.write(rows))))


def test_labels_in_training_and_none_in_validation_are_said(trainer: Trainer) -> None:
    rows = records(trainer.store)
    held_out = relabelled([row for row in rows if row.split == "validation"], colour=None, type=None)
    manifest = trainer.write([row for row in rows if row.split != "validation"] + held_out)
    with pytest.raises(InvalidInputError, match="no image of this split has a known label"):
        list(trainer.stub.Train(trainer.request(manifest)))


def test_a_task_of_which_one_class_only_is_shown_is_warned_of(trainer: Trainer) -> None:
    rows = records(trainer.store)
    training = relabelled([row for row in rows if row.split == "train"], type="Circle")
    manifest = trainer.write(training + [row for row in rows if row.split != "train"])
    *_, last = trainer.stub.Train(trainer.request(manifest))
    assert any(w.startswith("type: all training images are Circle") for w in last.result.warnings)
    result = trainer.evaluate(last.result.bundle, manifest=manifest)
    table = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(result.predictions))))
    assert set(table["predicted_type"]) <= {"Square", "Circle"}


def test_one_damaged_image_is_named(trainer: Trainer) -> None:
    content = picture("Red", "Square", 999)
    broken = put_image(trainer.store, content[: len(content) // 2], "png").key
    rows = records(trainer.store)
    bad = Record(broken, "damaged", rows[0].labels, "train", source="damaged.png")
    with pytest.raises(InvalidInputError, match=broken):
        list(trainer.stub.Train(trainer.request(trainer.write([bad, *rows]))))


def test_one_test_object_of_a_class_is_scored_and_an_absent_class_takes_no_part(trainer: Trainer, events: Any) -> None:
    rows = [row for row in records(trainer.store) if row.split == "test" and row.labels["colour"] == "Red"]
    blue = next(row for row in records(trainer.store) if row.split == "test" and row.labels["colour"] == "Blue")
    result = trainer.evaluate(events[-1].result.bundle, manifest=trainer.write([*rows, blue]))
    colour = json.loads(trainer.store.read(ref_from_proto(result.metrics)))["tasks"]["colour"]
    by_code = {entry["code"]: entry for entry in colour["per_class"]}
    assert by_code["Blue"]["n"] == 1
    assert by_code["Green"]["n"] == 0
    assert colour["classes_present"] == 2
    assert colour["macro_f1"] == pytest.approx((by_code["Red"]["f1"] + by_code["Blue"]["f1"]) / 2)


def test_what_follows_the_last_epoch_is_in_the_card(trainer: Trainer) -> None:
    events = trainer.train(
        batch_norm="real", retrain_heads="real", logit_adjustment="after", framing="pad", weight_averaging="ema"
    )
    card = read_card(trainer.store, ref_from_proto(events[-1].result.bundle))
    assert card.metrics["batch_norm_rows"] == 16
    assert set(card.metrics["head_penalty"]) == set(TASKS)
    assert "logit_adjustment_tau" not in card.metrics  # heads that are fitted anew are balanced already
    assert card.input_spec.resize == "longer-side-bilinear-then-pad"
    validated = trainer.evaluate(events[-1].result.bundle, "validation")
    assert validated.mean_macro_f1 == pytest.approx(card.metrics["validation_macro_f1"])
    assert validated.mean_macro_f1 == pytest.approx(events[-1].result.validation_macro_f1)


def test_a_page_for_people_and_a_network_in_8_bits_lie_beside_it(trainer: Trainer) -> None:
    ref = ref_from_proto(trainer.train(reduced_precision="int8")[-1].result.bundle)
    card = read_card(trainer.store, ref)
    assert card.reduced is not None
    assert (card.reduced.calibration_photographs, card.reduced.validation_photographs) == (16, 4)
    assert card.reduced.kept == (card.reduced_onnx is not None)
    assert card.data is not None
    assert card.data.rows["train"] == {"augmented": 2, "real": 16}
    assert card.data.classes["colour"] == {"Red": 8, "Blue": 8, "Green": 0}
    assert card.validation["colour"].macro_f1[0] == card.metrics["validation_macro_f1_by_task"]["colour"]
    assert card.cost is not None
    assert card.cost.parameters > 1e6
    page = trainer.store.get(f"bundles/{card.bundle_id}/README.md").decode()
    assert "- colour: no real training photograph of Green" in page
    assert "ms a prepared photograph, one thread" in page
    if card.reduced.kept:
        small = BundleModel.load(trainer.store, ref, threads=1, reduced=True)
        golden = read_golden(trainer.store, card)
        assert golden is not None
        small.check_golden(golden)
    else:
        with pytest.raises(InvalidInputError, match="it lost too much accuracy"):
            BundleModel.load(trainer.store, ref, threads=1, reduced=True)


def test_a_validation_split_that_teaches_the_heads_is_scored_by_heads_that_have_not_seen_it(trainer: Trainer) -> None:
    colours = iter(np.random.default_rng(0).permutation(["Red", "Blue"] * 12))  # nothing but memory helps
    rows = [dataclasses.replace(row, labels={"colour": str(next(colours))}) for row in records(trainer.store)[:24]]
    manifest = write_manifest(trainer.store, Manifest.from_records(rows, TASKS))
    settings = {"retrain_heads": "real", "head_fit": "discriminant", "head_shrinkage": 0.01}
    request = trainer.request(manifest, **settings, validation_teaches_heads=True, backbone_learning_rate=0.0)
    result = list(trainer.stub.Train(request))[-1].result
    card = read_card(trainer.store, ref_from_proto(result.bundle))
    validated = trainer.evaluate(result.bundle, "validation", manifest)
    assert validated.mean_macro_f1 == pytest.approx(card.metrics["validation_macro_f1"])
    said = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(validated.predictions))))
    model = BundleModel.load(trainer.store, ref_from_proto(result.bundle))

    def answers(table: pd.DataFrame) -> np.ndarray:
        images = np.concatenate([prepared(trainer, image, card) for image in table["image"]])
        return model.predict(images)["colour"]

    kept = np.stack(list(said["probabilities_colour"]))
    assert [["Red", "Blue"][one] for one in answers(said).argmax(1)] == said["true_colour"].tolist()  # by heart
    assert (kept.argmax(1) != answers(said).argmax(1)).any()
    tested = trainer.evaluate(result.bundle, "test", manifest)  # what has taught nothing the network answers itself
    table = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(tested.predictions))))
    np.testing.assert_allclose(np.stack(list(table["probabilities_colour"])), answers(table), atol=1e-6)
    # the backbone has learnt from none, so all 16 training photographs measure beside the 4
    assert card.calibration["colour"].photographs == 16 + 4


def prepared(trainer: Trainer, image: str, card: BundleCard) -> np.ndarray:
    return preprocess(decode(trainer.store.get(image), image), card.input_spec)[None]


def test_neighbours_can_be_left_out(trainer: Trainer) -> None:
    card = read_card(trainer.store, ref_from_proto(trainer.train(neighbours="none")[-1].result.bundle))
    assert card.neighbours is card.neighbours_file is None
    assert read_neighbours(trainer.store, card) is None


def test_a_bundle_says_how_sure_it_is(trainer: Trainer, events: Any) -> None:
    card = read_card(trainer.store, ref_from_proto(events[-1].result.bundle))
    assert set(card.calibration) == set(card.prediction_sets) == set(TASKS)
    colour = card.calibration["colour"]
    assert (colour.photographs, colour.objects) == (4, 4)
    assert colour.brier <= colour.brier_before + 0.05
    rules = {(rule.kind, rule.coverage): rule for rule in card.prediction_sets["colour"]}
    assert rules["marginal", 0.95].threshold is None  # four objects can't promise 95 %: every class is in the set
    assert rules["marginal", 0.95].mean_size == 3
    assert rules["marginal", 0.8].threshold is not None
    assert len(rules["prevalence", 0.8].prevalence) == 3
    assert card.novelty is not None
    assert card.novelty.objects == 4
    model = BundleModel.load(trainer.store, ref_from_proto(events[-1].result.bundle))
    golden, novelty = read_golden(trainer.store, card), read_novelty(trainer.store, card)
    assert golden is not None
    assert novelty is not None
    model.check_golden(golden)
    logits, features = model.logits(golden.image[None])
    np.testing.assert_allclose(model.predict(golden.image[None])["colour"], colour.probabilities(logits["colour"]))
    assert novelty.scores(features).shape == (1,)
    neighbours = read_neighbours(trainer.store, card)
    assert neighbours is not None
    assert card.neighbours is not None
    assert (card.neighbours.photographs, card.neighbours.objects, card.neighbours.features) == (16, 16, 960)
    real = [record for record in records(trainer.store) if (record.split, record.origin) == ("train", "real")]
    assert list(neighbours.about["image"]) == [record.image for record in real]  # no varied copies
    assert list(neighbours.about["object_id"]) == [record.object_id for record in real]
    for row in (0, 5):
        seen = model.features(prepared(trainer, real[row].image, card))[0]
        np.testing.assert_allclose(neighbours.features[row], seen / np.linalg.norm(seen), atol=1e-3)
        (first, *_), *_ = neighbours.nearest(neighbours.features[row : row + 1].astype(np.float32), card.codes())
        assert first.similarity == pytest.approx(1, abs=1e-3)
        assert dict(first.labels) in [record.labels for record in real]
    changed = Golden(golden.image, {task: values + 1 for task, values in golden.logits.items()})
    with pytest.raises(DataCorruptionError, match="golden sample is 1"):
        model.check_golden(changed)
