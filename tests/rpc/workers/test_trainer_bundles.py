"""What a trained bundle holds beside its network, and that it holds true."""

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load
from saggar.bundle import (
    BundleModel,
    Golden,
    read_card,
    read_golden,
    read_neighbours,
    read_novelty,
)
from saggar.bundle.explaining import Explainer, read_heads
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.rpc.refs import ref_from_proto
from saggar.store import put_image
from saggar.stored_datasets import write_manifest
from trainer_rig import TASKS, Trainer, picture, prepared, records


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


@pytest.mark.parametrize(("heads", "found"), [("all", 6), ("real", 0)])
def test_heads_learn_a_class_of_synthetic_images_where_they_may(trainer: Trainer, heads: str, found: int) -> None:
    def green(number: int, split: str, origin: str) -> Record:
        image = put_image(trainer.store, picture("Green", "Square", number), "png").key
        return Record(image, f"green-{number}", {"colour": "Green", "type": "Square"}, split, origin, source="plan")

    made = [green(number, "train", "synthetic") for number in range(100, 108)]
    seen = [green(number, "test", "real") for number in range(200, 206)]
    manifest = trainer.write([*records(trainer.store), *made, *seen])
    request = trainer.request(manifest, retrain_heads=heads, batch_norm="real", max_epochs=4)
    result = list(trainer.stub.Train(request))[-1].result
    assert set(read_card(trainer.store, ref_from_proto(result.bundle)).metrics["head_penalty"]) == set(TASKS)
    tested = trainer.evaluate(result.bundle, "test", manifest)
    table = pd.read_parquet(io.BytesIO(trainer.store.read(ref_from_proto(tested.predictions))))
    greens = table[table["true_colour"] == "Green"]
    assert len(greens) == 6
    assert (greens["predicted_colour"] == "Green").sum() == found


def test_a_network_whose_features_are_rounding_is_exported_all_the_same(trainer: Trainer) -> None:
    """After two steps from random weights features differ by 1e-6: heads of 1e5 would answer with their rounding."""
    card = read_card(trainer.store, ref_from_proto(trainer.train(retrain_heads="real")[-1].result.bundle))
    assert set(card.metrics["head_penalty"]) == set(TASKS)


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
    of_rare = rules["prevalence", 0.8]
    assert len(of_rare.prevalence) == 3
    assert len(of_rare.prior) == 3
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


def test_an_ensemble_is_one_network_that_answers_as_the_mean_of_its_members(trainer: Trainer) -> None:
    events = trainer.train(ensemble=2, max_epochs=2, batch_norm="real")
    result = events[-1].result
    ref = ref_from_proto(result.bundle)
    card = read_card(trainer.store, ref)
    assert [event.epoch.epoch for event in events if event.HasField("epoch")] == [1, 2]  # of the first network
    last = [event.progress for event in events if event.progress.stage == "training"][-1]
    assert last.done == last.total == 2 * 2 * 3  # networks, epochs, batches of 8 of 18 rows
    assert len(card.metrics["members"]) == 2
    history = json.loads(trainer.store.read(ref_from_proto(result.history)))
    assert [len(epochs) for epochs in (history["epochs"], *history["epochs_of_other_members"])] == [2, 2]
    assert history["steps"] == 12

    model = BundleModel.load(trainer.store, ref)
    state = load(trainer.store.read(card.weights))
    image = prepared(trainer, records(trainer.store)[0].image, card)
    (logits, features), means = model.logits(image), model.maps(image).mean(axis=(2, 3))
    assert means.shape == (1, 2 * 960)
    assert np.abs(means[:, :960] - means[:, 960:]).max() > 1e-3  # other first weights, other features
    expected = means @ state["heads.task_colour.weight"].T + state["heads.task_colour.bias"]
    np.testing.assert_allclose(logits["colour"], expected, atol=1e-3)
    assert Explainer(model, read_heads(trainer.store, card)).look(image).heat("colour", 0).shape == (1, 1, 1)
    np.testing.assert_allclose(features, means[:, :960], atol=1e-4)
    novelty, neighbours = read_novelty(trainer.store, card), read_neighbours(trainer.store, card)
    assert novelty is not None
    assert neighbours is not None
    assert np.isfinite(novelty.scores(features)).all()  # of the first network, as are the neighbours
    (nearest, *_), *_ = neighbours.nearest(features, card.codes())
    assert nearest.similarity == pytest.approx(1, abs=1e-3)  # itself
    validated = trainer.evaluate(result.bundle, "validation")
    assert validated.mean_macro_f1 == pytest.approx(result.validation_macro_f1)
    assert trainer.train(ensemble=2, max_epochs=2, batch_norm="real")[-1].result == result
    assert list(trainer.store.list("checkpoints/")) == []


def test_an_ensemble_that_was_interrupted_goes_on_with_the_network_in_hand(trainer: Trainer) -> None:
    settings: dict[str, Any] = {"ensemble": 2, "seed": 8, "max_epochs": 10}
    half = 10 * 3  # batches
    before = set(trainer.store.list("results/"))
    call = trainer.stub.Train(trainer.request(**settings))
    for event in call:
        if event.progress.stage == "training" and event.progress.done > half:
            call.cancel()
            break
    continued = trainer.train(**settings)
    assert min(event.progress.done for event in continued if event.progress.stage == "training") > half
    assert [event.epoch.epoch for event in continued if event.HasField("epoch")] == list(range(1, 11))
    for made in set(trainer.store.list("results/")) - before:
        trainer.store.delete(made)
    assert trainer.train(**settings)[-1].result.bundle == continued[-1].result.bundle
