"""The trainer over a real server: what its calls stream, keep, refuse and find again."""

import io
import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from saggar.bundle import (
    read_card,
)
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError, NotFoundError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.v1 import trainer_pb2
from trainer_rig import TASKS, Trainer, records


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
    assert made_with["precision"] == "float32"  # of a processor, unless it is asked for
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
