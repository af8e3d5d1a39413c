"""What runs the network: chosen, reported, and used only where its answers are the processor's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from saggar.bundle import BundleModel, Companions, Golden, ReducedNote, make_neighbours, read_card, write_bundle
from saggar.bundle.neighbours import ABOUT
from saggar.client import Classifier as Client
from saggar.client import Question
from saggar.errors import WrongStateError
from saggar.store import DirectoryStore, ObjectRef
from saggar_classifier.networks.choosing import Wish, open_network
from test_classifier import BLUE, RED, SPEC, TAXONOMY, Classifier, bundle, classify, network
from test_classifier_models import described, ready, until

NOTE = ReducedNote(
    scheme="INT8 QDQ U8S8, weights per channel",
    kept_float=(),
    calibration_photographs=9,
    validation_photographs=9,
    macro_f1={},
    mean_drop=0.001,
    mean_drop_interval=(0.0, 0.01),
    validation_objects=300,
    allowed_drop=0.02,
    same_answers=1,
    golden_difference=0.01,
    kept=True,
)


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[Classifier]:
    made = Classifier(tmp_path / "store")
    yield made
    made.stop()


def scaled(model: bytes, by: float) -> bytes:
    """The network with weights that are a little off, as reduced precision makes them."""
    made = onnx.load_from_string(model)
    for each in made.graph.initializer:
        if each.name.startswith("weights_"):
            each.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(each) * by).astype(np.float32), each.name))
    return bytes(made.SerializeToString())


def reduced_bundle(store: DirectoryStore, by: float) -> ObjectRef:
    companions = Companions(reduced=NOTE, reduced_onnx=scaled(network(0), by))
    about: dict[str, Any] = {"taxonomy": TAXONOMY, "input_spec": SPEC, "architecture": "x", "initial_weights": "none"}
    return write_bundle(store, network(0), b"weights", companions=companions, **about)[1]


def probability(stub: Any) -> float:
    return float(classify(stub).predictions[0].classes[0].probability)


def test_the_reduced_network_runs_where_it_is_asked_for_and_is_named(classifier: Classifier) -> None:
    plain, reduced = classifier.start(), classifier.start(precision="reduced")
    classifier.activate(reduced, reduced_bundle(classifier.store, 0.99))
    assert described(reduced).precision == NOTE.scheme
    until(lambda: ready(classifier, 0))
    assert described(plain).precision == "float32"
    assert 0 < abs(probability(reduced) - probability(plain)) < 0.02


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda store: reduced_bundle(store, 0.5),
            r"of a probability from the processor's at float32 \(allowed: 0.02\)",
        ),
        (bundle, "has no network of reduced precision"),
    ],
)
def test_a_reduced_network_that_answers_otherwise_is_not_used(classifier: Classifier, make: Any, match: str) -> None:
    stub = classifier.start(precision="reduced")
    classifier.activate(stub, make(classifier.store))
    found = described(stub)
    assert (found.provider, found.precision) == ("CPUExecutionProvider", "float32")
    assert found.notes[-1].startswith("cpu at reduced precision is not used for model")
    assert re.search(match, found.notes[-1])
    assert classify(stub).predictions[0].classes[0].code == TAXONOMY.tasks[0].codes[0]


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_installed_is_refused_at_the_start(classifier: Classifier, provider: str) -> None:
    with pytest.raises(WrongStateError, match=f"SAGGAR_PROVIDER={provider}: it is not installed .*onnxruntime-gpu"):
        classifier.start(provider=provider)


@pytest.mark.parametrize("precision", ["float32", "reduced"])
def test_openvino_answers_as_the_processor_does(classifier: Classifier, precision: str) -> None:
    pytest.importorskip("openvino")
    ref = bundle(classifier.store)
    card = read_card(classifier.store, ref)
    opened = open_network(classifier.store, card, 60, Wish("openvino", precision, 2))  # type: ignore[arg-type]
    plain = BundleModel.load(classifier.store, ref, 1)
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    assert opened.compromise == ""
    assert opened.model.provider == "OpenVINO"
    for task, expected in plain.predict(images).items():
        np.testing.assert_allclose(opened.model.predict(images)[task], expected, atol=0.02)
    np.testing.assert_allclose(opened.model.features(images), plain.features(images), atol=0.02)
    stub = classifier.start(provider="openvino", precision=precision)
    classifier.activate(stub, ref)
    assert described(stub).provider == "OpenVINO"
    assert classify(stub, BLUE).predictions[0].classes[0].code == TAXONOMY.tasks[0].codes[1]


def test_openvino_gives_up_an_endless_run() -> None:
    pytest.importorskip("openvino")
    from saggar_classifier.networks.openvino_session import OpenVinoSession

    session = OpenVinoSession(network(0), "f32", 1)
    images = {"images": np.zeros((4096, 3, 32, 32), np.float32)}
    with pytest.raises(RuntimeError, match="given up"):
        session.run(["features"], images, SimpleNamespace(terminate=True), look_ms=0)
    assert session.run(["features"], images)[0].shape == (4096, 3)  # and is of use again


def test_the_pieces_that_are_most_alike_are_shown_with_what_is_known_of_them(classifier: Classifier) -> None:
    colours = {"red": (1.0, -1.0, -1.0), "blue": (-1.0, -1.0, 1.0), "green": (-1.0, 1.0, -1.0)}
    about = {name: [f"{name} of {colour}" for colour in colours] for name in ABOUT}
    about["image"] = [f"images/{number:02x}/{number:02x}{'0' * 62}.jpg" for number in range(3)]
    labels = {"glaze": np.array([0, 1, -1]), "type": np.array([2, -1, 1])}
    neighbours = make_neighbours(np.array(list(colours.values()), np.float32), labels, about)
    stub = classifier.start()
    ref = write_bundle(
        classifier.store,
        network(0),
        b"weights",
        taxonomy=TAXONOMY,
        input_spec=SPEC,
        architecture="redness",
        initial_weights="none",
        companions=Companions(neighbours=neighbours),
    )[1]
    classifier.activate(stub, ref)
    with Client(classifier.address(0)) as client:
        first, second = client.classify(RED, Question(neighbours=2)).neighbours
        assert client.classify(RED).neighbours == ()
        assert client.describe().neighbours == 3
        nothing = client.classify(RED, Question(neighbours=2))
        assert nothing.notes == client.classify(RED).notes
    assert (first.object_id, first.licence) == ("object_id of red", "licence of red")
    assert first.labels == {"glaze": TAXONOMY.task("glaze").codes[0], "type": TAXONOMY.task("type").codes[2]}
    assert first.distance < 0.01 < second.distance
    classifier.activate(stub, bundle(classifier.store))
    with Client(classifier.address(0)) as client:
        assert "does not keep the training photographs" in client.classify(RED, Question(neighbours=2)).notes[-1]


def test_the_golden_sample_is_the_gates_first_image(classifier: Classifier) -> None:
    from saggar_classifier.networks.gate import sample_images

    image = np.random.default_rng(1).normal(size=(3, 32, 32)).astype(np.float32)
    images = sample_images(32, Golden(image, {}))
    assert images.shape == sample_images(32, None).shape == (8, 3, 32, 32)
    np.testing.assert_array_equal(images[0], image)
    assert len(np.unique(images.reshape(8, -1), axis=0)) == 8
