"""What the trainer does with images, labels, classes and losses that are missing or broken."""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import save_file
from saggar.bundle import (
    read_card,
)
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError, NotFoundError, WrongStateError
from saggar.rpc.refs import ref_from_proto
from saggar.store import put_image
from saggar.v1 import trainer_pb2
from saggar_trainer.model.backbone import minimalistic
from trainer_rig import Trainer, picture, records, relabelled


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
