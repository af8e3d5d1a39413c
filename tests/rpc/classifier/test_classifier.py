"""The classifier over a real server, with a tiny ONNX model whose answers are known: it measures redness."""

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from saggar.bundle import write_bundle
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError, WrongStateError
from saggar.images import InputSpec
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.rpc.serving.server import RunningServer, start_server
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.taxonomy import load_taxonomy
from saggar.v1 import classifier_pb2, classifier_pb2_grpc
from saggar_classifier.servicer import ClassifierServicer
from saggar_classifier.serving import active
from saggar_classifier.settings import ClassifierSettings

TAXONOMY = load_taxonomy("kilnsim")
SPEC = InputSpec(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def network(answer: int) -> bytes:
    """Mean colour [N, 3] as features; red images get class `answer` of a task, others the one after it."""
    nodes = [helper.make_node("ReduceMean", ["images", "axes"], ["features"], keepdims=0)]
    constants = [numpy_helper.from_array(np.array([2, 3]), "axes")]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])]
    for task in TAXONOMY.tasks:
        weights = np.zeros((3, len(task.classes)), np.float32)
        weights[0, answer] = 4  # redness
        weights[0, (answer + 1) % len(task.classes)] = -4
        constants.append(numpy_helper.from_array(weights, f"weights_{task.name}"))
        nodes.append(helper.make_node("MatMul", ["features", f"weights_{task.name}"], [f"logits_{task.name}"]))
        shape = ["n", len(task.classes)]
        outputs.append(helper.make_tensor_value_info(f"logits_{task.name}", TensorProto.FLOAT, shape))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 32, 32])
    graph = helper.make_graph(nodes, "redness", [images], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def bundle(store: DirectoryStore, answer: int = 0) -> ObjectRef:
    return write_bundle(
        store,
        network(answer),
        b"weights",
        taxonomy=TAXONOMY,
        input_spec=SPEC,
        architecture="redness",
        initial_weights="none",
        annotations={"arm": f"answer {answer}"},
    )[1]


def picture(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, kind)
    return buffer.getvalue()


RED, BLUE = picture((250, 10, 10)), picture((10, 10, 250))


class Classifier:
    """Classifiers on one store, started and stopped as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.store = DirectoryStore(folder)
        self._running: list[tuple[RunningServer, Any, ClassifierServicer]] = []

    def start(self, **settings: Any) -> Any:
        read = ClassifierSettings(**{"threads": 1, "watch_seconds": 0.1} | settings)
        servicer = ClassifierServicer(self.store, read)
        server = start_server(
            servicer.register,
            read,
            servicer.restore,
            readiness=servicer.readiness,
            descriptors=servicer.descriptors,
            interceptors=servicer.interceptors,
        )
        channel = open_channel(server.address)
        self._running.append((server, channel, servicer))
        return classifier_pb2_grpc.ClassifierServiceStub(channel)

    def stub(self, number: int) -> Any:
        return classifier_pb2_grpc.ClassifierServiceStub(self._running[number][1])

    def address(self, number: int) -> str:
        return self._running[number][0].address

    def servicer(self, number: int) -> ClassifierServicer:
        return self._running[number][2]

    def stop(self) -> None:
        for server, channel, servicer in self._running:
            channel.close()
            server.stop()
            servicer.stop()
        self._running = []

    def activate(self, stub: Any, ref: ObjectRef) -> str:
        request = classifier_pb2.ActivateModelRequest(bundle=ref_to_proto(ref))
        return str(stub.ActivateModel(request).model_id)


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[Classifier]:
    made = Classifier(tmp_path / "store")
    yield made
    made.stop()


def classify(stub: Any, image: bytes = RED, **fields: Any) -> Any:
    return stub.Classify(classifier_pb2.ClassifyRequest(image=image, **fields))


def said(response: Any) -> Any:
    """The response without the time it took."""
    response.ClearField("timing")
    return response


def first_codes(response: Any) -> dict[str, str]:
    return {prediction.task: prediction.classes[0].code for prediction in response.predictions}


def test_a_photograph_gets_its_most_probable_classes(classifier: Classifier) -> None:
    stub = classifier.start()
    model_id = classifier.activate(stub, bundle(classifier.store))
    response = classify(stub, top_k=3)
    assert response.model_id == model_id
    assert first_codes(response) == {task.name: task.codes[0] for task in TAXONOMY.tasks}
    for prediction in response.predictions:
        probabilities = [c.probability for c in prediction.classes]
        assert len(probabilities) == min(3, len(TAXONOMY.task(prediction.task).classes))
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 < sum(probabilities) <= 1 + 1e-6
    assert response.predictions[0].classes[0].name == TAXONOMY.tasks[0].classes[0].names.en
    assert first_codes(classify(stub, BLUE)) == {task.name: task.codes[1] for task in TAXONOMY.tasks}
    assert len(classify(stub).predictions[1].classes) == 5  # the default


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
def test_the_usual_formats_are_read(classifier: Classifier, kind: str) -> None:
    stub = classifier.start()
    classifier.activate(stub, bundle(classifier.store))
    assert first_codes(classify(stub, picture((250, 10, 10), kind)))["dynasty"] == "Song"


def test_a_stored_photograph_is_classified_alike(classifier: Classifier) -> None:
    stub = classifier.start()
    classifier.activate(stub, bundle(classifier.store))
    ref = ref_to_proto(put_image(classifier.store, RED, "png"))
    stored = stub.Classify(classifier_pb2.ClassifyRequest(object=ref))
    assert said(stored) == said(classify(stub))
    missing = classifier_pb2.ClassifyRequest(object=ref)
    missing.object.uri = "store:images/00/none.png"
    with pytest.raises(NotFoundError, match=r"images/00/none\.png"):
        stub.Classify(missing)
    changed = classifier_pb2.ClassifyRequest(object=ref)
    changed.object.sha256 = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(DataCorruptionError):
        stub.Classify(changed)


@pytest.mark.parametrize(
    ("request_fields", "match"),
    [
        ({}, "no image"),
        ({"image": b""}, "the image is empty"),
        ({"image": b"%PDF-1.7 no picture"}, "^the file is a PDF; save it as JPEG or PNG"),
        ({"image": b"no picture at all"}, "^the file is not a JPEG, PNG, WebP or TIFF image"),
        ({"image": RED[:-30]}, "^the image is truncated or damaged"),
        ({"image": RED + bytes(17 * 2**20)}, r"17\.0 MiB; at most 16 MiB"),
        ({"image": RED, "top_k": 0}, "top_k: is 0; must be 1 or more"),
    ],
)
def test_what_cannot_be_classified_is_refused(
    classifier: Classifier, request_fields: dict[str, Any], match: str
) -> None:
    stub = classifier.start()
    classifier.activate(stub, bundle(classifier.store))
    with pytest.raises(InvalidInputError, match=match):
        stub.Classify(classifier_pb2.ClassifyRequest(**request_fields))


def test_without_a_model_it_says_what_to_do(classifier: Classifier) -> None:
    stub = classifier.start()
    with pytest.raises(WrongStateError, match="saggar models activate"):
        classify(stub)
    with pytest.raises(WrongStateError, match="no model is active"):
        stub.DescribeModel(classifier_pb2.DescribeModelRequest())


def test_another_model_takes_over_and_is_remembered(classifier: Classifier) -> None:
    stub = classifier.start()
    classifier.activate(stub, bundle(classifier.store, answer=0))
    second = bundle(classifier.store, answer=1)
    model_id = classifier.activate(stub, second)
    assert classify(stub).model_id == model_id
    assert first_codes(classify(stub))["kiln"] == TAXONOMY.task("kiln").codes[1]

    classifier.stop()
    description = classifier.start().DescribeModel(classifier_pb2.DescribeModelRequest())
    assert description.model_id == model_id
    assert description.bundle == ref_to_proto(second)
    assert description.image_size_px == 32
    assert dict(description.annotations) == {"arm": "answer 1"}
    assert [(t.task, tuple(t.codes)) for t in description.tasks] == [(task.name, task.codes) for task in TAXONOMY.tasks]


def test_the_settings_pin_a_model(classifier: Classifier) -> None:
    pinned = bundle(classifier.store, answer=0)
    classifier.activate(classifier.start(), bundle(classifier.store, answer=1))
    classifier.stop()
    stub = classifier.start(model=pinned.key)
    assert stub.DescribeModel(classifier_pb2.DescribeModelRequest()).bundle == ref_to_proto(pinned)
    with pytest.raises(NotFoundError, match="bundles/none"):
        classifier.start(model="bundles/none/bundle.json")


def test_what_is_no_bundle_leaves_the_model_in_place(classifier: Classifier) -> None:
    stub = classifier.start()
    good = bundle(classifier.store)
    model_id = classifier.activate(stub, good)
    other = classifier.store.put("datasets/x/notes.json", b"{}", "application/json")
    with pytest.raises(InvalidInputError, match="not the card of a bundle"):
        classifier.activate(stub, other)
    gone = ObjectRef("bundles/gone/bundle.json", "0" * 64, 1, "application/json")
    with pytest.raises(NotFoundError, match="bundles/gone"):
        classifier.activate(stub, gone)
    broken = bundle(classifier.store, answer=1)
    card = json.loads(classifier.store.get(broken.key))
    (classifier.store.root / card["onnx"]["key"]).write_bytes(b"damaged")
    with pytest.raises(DataCorruptionError):
        classifier.activate(stub, broken)
    assert classify(stub).model_id == model_id
    assert active.read(classifier.store, active.newest(classifier.store)) == good


def test_a_remembered_model_that_is_gone_does_not_stop_the_service(classifier: Classifier) -> None:
    ref = bundle(classifier.store)
    classifier.activate(classifier.start(), ref)
    classifier.stop()
    classifier.store.delete(ref.key)
    stub = classifier.start()
    with pytest.raises(WrongStateError, match="no model is active"):
        classify(stub)


def test_the_newest_note_counts(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    assert active.newest(store) == 0
    refs = [ObjectRef(f"bundles/{i}/bundle.json", str(i) * 64, 1, "application/json") for i in range(3)]
    assert [active.remember(store, ref) for ref in refs] == [1, 2, 3]
    assert active.read(store, active.newest(store)) == refs[-1]
    store.put("classifier/active/000000000009.json", b"[]", "application/json")
    with pytest.raises(DataCorruptionError, match="activate a model again"):
        active.read(store, active.newest(store))
    assert active.remember(store, refs[0]) == 10
    assert active.read(store, 10) == refs[0]
