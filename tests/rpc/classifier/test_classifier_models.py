"""Which model every replica serves: activations, bad bundles, readiness, rollback."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from onnx import TensorProto, helper, numpy_helper
from saggar.bundle import Certainty, Companions, Golden, write_bundle
from saggar.certainty.novelty import NoveltyModel, NoveltyRule, Whitened, novelty_model
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError, UnavailableError
from saggar.rpc.channel import wait_ready
from saggar.store import DirectoryStore, ObjectRef
from saggar.v1 import classifier_pb2
from saggar_classifier.serving import active
from test_classifier import SPEC, TAXONOMY, Classifier, bundle, classify, network

SERVICE = "saggar.v1.ClassifierService"


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[Classifier]:
    made = Classifier(tmp_path / "store")
    yield made
    made.stop()


def described(stub: Any) -> Any:
    return stub.DescribeModel(classifier_pb2.DescribeModelRequest())


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ready(classifier: Classifier, number: int = 0, name: str = "") -> bool:
    with grpc.insecure_channel(classifier.address(number)) as channel:
        request = health_pb2.HealthCheckRequest(service=name)
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=60)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def put(classifier: Classifier, model: bytes) -> ObjectRef:
    return write_bundle(
        classifier.store, model, b"", taxonomy=TAXONOMY, input_spec=SPEC, architecture="bad", initial_weights="none"
    )[1]


def with_loop(model: bytes) -> bytes:
    """The network with a loop without an end before its features."""
    made = onnx.load_from_string(model)
    scalar, boolean, number = helper.make_tensor_value_info, TensorProto.BOOL, TensorProto.FLOAT
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still_on"]), helper.make_node("Identity", ["was"], ["then"])],
        "body",
        [
            scalar("i", TensorProto.INT64, []),
            scalar("on", TensorProto.BOOL, []),
            scalar("was", TensorProto.FLOAT, None),
        ],
        [scalar("still_on", boolean, []), scalar("then", number, None)],
    )
    made.graph.initializer.append(numpy_helper.from_array(np.array(True), "for_ever"))
    made.graph.node[0].output[0] = "means"
    made.graph.node.insert(1, helper.make_node("Loop", ["", "for_ever", "means"], ["features"], body=body))
    return bytes(made.SerializeToString())


def with_nan(model: bytes) -> bytes:
    made = onnx.load_from_string(model)
    weights = next(each for each in made.graph.initializer if each.name.startswith("weights_"))
    weights.CopyFrom(numpy_helper.from_array(np.full(weights.dims, np.nan, np.float32), weights.name))
    return bytes(made.SerializeToString())


def with_outside_weights(model: bytes) -> bytes:
    made = onnx.load_from_string(model)
    weights = next(each for each in made.graph.initializer if each.name.startswith("weights_"))
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    where = weights.external_data.add()
    where.key, where.value = "location", "weights.bin"
    return bytes(made.SerializeToString())


def with_unknown_operator(model: bytes) -> bytes:
    made = onnx.load_from_string(model)
    made.graph.node[0].domain, made.graph.node[0].op_type = "org.example", "RunShell"
    made.opset_import.append(helper.make_opsetid("org.example", 1))
    return bytes(made.SerializeToString())


def with_future_operators(model: bytes) -> bytes:
    made = onnx.load_from_string(model)
    made.opset_import[0].version = 999
    return bytes(made.SerializeToString())


def test_every_replica_serves_what_any_of_them_activated(classifier: Classifier) -> None:
    first, second = classifier.start(), classifier.start()
    model_id = classifier.activate(first, bundle(classifier.store))
    until(lambda: ready(classifier, 1))
    assert classify(second).model_id == model_id
    other = classifier.activate(second, bundle(classifier.store, answer=1))
    until(lambda: described(first).model_id == other)
    assert described(first).previous_model_id == model_id
    assert described(first).problem == ""


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (with_nan, "gives no probabilities on the built-in image"),
        (with_outside_weights, "ONNX Runtime cannot open"),
        (with_unknown_operator, "ONNX Runtime cannot open"),
        (with_future_operators, "ONNX Runtime cannot open"),
        (lambda model: model[: len(model) // 2], "ONNX Runtime cannot open"),
        (lambda _: b"", "ONNX Runtime cannot open"),
    ],
)
def test_a_bad_bundle_never_replaces_a_good_one(
    classifier: Classifier, spoil: Callable[[bytes], bytes], match: str
) -> None:
    stub = classifier.start()
    model_id = classifier.activate(stub, bundle(classifier.store))
    bad = put(classifier, spoil(network(1)))
    with pytest.raises((DataCorruptionError, InvalidInputError), match=match):
        classifier.activate(stub, bad)
    active.remember(classifier.store, bad)  # as another replica, with another version of the runtime, may
    until(lambda: described(stub).problem)
    assert match in described(stub).problem
    assert f"model {model_id} goes on serving" in described(stub).problem
    assert classify(stub).model_id == model_id
    assert ready(classifier)
    good = classifier.activate(stub, bundle(classifier.store, answer=1))
    assert (described(stub).model_id, described(stub).problem) == (good, "")


IMAGE = np.full((3, 32, 32), 0.5, np.float32)
TRUE = {task.name: np.zeros(len(task.codes), np.float32) for task in TAXONOMY.tasks}
for logits in TRUE.values():
    logits[:2] = 2, -2  # redness .5
OTHER = TRUE | {"glaze": TRUE["glaze"] + 0.1}
WIDE = novelty_model(Whitened(np.eye(9), np.zeros((1, 9))), {})
ENDLESS = novelty_model(Whitened(np.full((3, 3), np.inf), np.zeros((1, 3))), {})


def novelty(model: NoveltyModel) -> Certainty:
    return Certainty(novelty=NoveltyRule(threshold=1, false_alarms=0.05, objects=9), novelty_model=model)


@pytest.mark.parametrize(
    ("spoilt", "match"),
    [
        (
            {"companions": Companions(golden=Golden(IMAGE, OTHER))},
            r"glaze of the golden sample is 0\.1 from what was exported",
        ),
        ({"companions": Companions(golden=Golden(IMAGE[:, :16], TRUE))}, r"images have the shape \[1, 3, 16, 32\]"),
        (
            {"companions": Companions(golden=Golden(IMAGE, TRUE | {"colour": TRUE["glaze"]}))},
            "colour of the golden sample is inf",
        ),
        ({"certainty": novelty(WIDE)}, "its rules do not fit its network"),
        ({"certainty": novelty(ENDLESS)}, "the not-porcelain score of the built-in image is not a number"),
    ],
)
def test_a_bundle_that_does_not_keep_its_word_is_not_served(
    classifier: Classifier, spoilt: dict[str, Any], match: str
) -> None:
    stub = classifier.start()
    good = whole_bundle(classifier.store, companions=Companions(golden=Golden(IMAGE, TRUE)))
    model_id = classifier.activate(stub, good)
    bad = whole_bundle(classifier.store, **spoilt)
    with pytest.raises((DataCorruptionError, InvalidInputError), match=match):
        classifier.activate(stub, bad)
    active.remember(classifier.store, bad)
    until(lambda: described(stub).problem)
    assert re.search(match, described(stub).problem)
    assert classify(stub).model_id == model_id
    listed = stub.ListModels(classifier_pb2.ClassifierServiceListModelsRequest())
    assert listed.problem == described(stub).problem


def whole_bundle(store: DirectoryStore, **parts: Any) -> ObjectRef:
    about = {"taxonomy": TAXONOMY, "input_spec": SPEC, "architecture": "redness", "initial_weights": "none"}
    return write_bundle(store, network(0), b"weights", **about, **parts)[1]


def test_a_model_with_an_endless_loop_is_given_up_in_time(classifier: Classifier) -> None:
    stub = classifier.start(activation_seconds=0.5)
    model_id = classifier.activate(stub, bundle(classifier.store))
    started = time.monotonic()
    with pytest.raises(DataCorruptionError, match=r"no answer within 0\.5 s \(an endless loop\?\)"):
        classifier.activate(stub, put(classifier, with_loop(network(1))))
    assert time.monotonic() - started < 30
    assert classify(stub).model_id == model_id


def test_ready_means_that_there_is_a_model(classifier: Classifier) -> None:
    stub = classifier.start()
    assert [ready(classifier, name=name) for name in ("", SERVICE, "live")] == [False, False, True]
    classifier.activate(stub, bundle(classifier.store))
    assert [ready(classifier, name=name) for name in ("", SERVICE, "live")] == [True, True, True]


def test_a_network_that_fails_is_not_ready_until_it_works_again(classifier: Classifier) -> None:
    stub = classifier.start(watch_seconds=2)
    classifier.activate(stub, bundle(classifier.store))
    slot = classifier.servicer(0)._slot
    for worked in (False, False, True, False, False):
        slot.note(worked=worked)
    assert ready(classifier)
    slot.note(worked=False)  # the third in a row
    assert not ready(classifier)
    assert ready(classifier, name="live")
    until(lambda: ready(classifier))  # the next look tries the model out


def test_a_note_that_cannot_be_read_leaves_the_model_in_place(classifier: Classifier) -> None:
    stub = classifier.start()
    model_id = classifier.activate(stub, bundle(classifier.store))
    classifier.store.put("classifier/active/000000000007.json", b"[]", "application/json")
    until(lambda: "activate a model again" in described(stub).problem)
    assert classify(stub).model_id == model_id


def test_calls_never_fail_while_models_are_swapped(classifier: Classifier) -> None:
    stub, other = classifier.start(), classifier.start()
    bundles = [bundle(classifier.store, answer=answer) for answer in (0, 1)]
    classifier.activate(stub, bundles[0])
    until(lambda: ready(classifier, 1))
    seen = set()
    for swap in range(6):
        classifier.activate(stub, bundles[swap % 2])
        seen |= {classify(each).model_id for each in (stub, other) for _ in range(5)}
    assert len(seen) == 2


@pytest.mark.parametrize("pinned", [False, True])
def test_a_classifier_starts_without_its_store_and_serves_once_it_answers(
    classifier: Classifier, tmp_path: Path, pinned: bool
) -> None:
    ref = bundle(classifier.store)
    classifier.activate(classifier.start(), ref)
    classifier.stop()
    folder = tmp_path / "store"
    folder.rename(tmp_path / "away")
    stub = classifier.start(**({"model": ref.key} if pinned else {}))
    with pytest.raises(UnavailableError, match=r"does not serve: .*store.* is gone"):
        wait_ready(classifier.address(0), 10, service="", patient=False)
    (tmp_path / "away").rename(folder)
    wait_ready(classifier.address(0), 60, service="")
    assert classify(stub).predictions


def test_a_classifier_with_its_model_goes_on_without_the_store(classifier: Classifier, tmp_path: Path) -> None:
    stub = classifier.start()
    classifier.activate(stub, bundle(classifier.store))
    (tmp_path / "store").rename(tmp_path / "away")
    time.sleep(0.5)  # some looks for activations
    assert classify(stub).predictions
    wait_ready(classifier.address(0), 10, service="")
    (tmp_path / "away").rename(tmp_path / "store")


def test_an_emptied_store_stops_nobody_and_its_new_activations_count(classifier: Classifier, tmp_path: Path) -> None:
    stub, other = classifier.start(), classifier.start()
    first, second = (bundle(classifier.store, answer=answer) for answer in (0, 1))
    old = classifier.activate(stub, first)
    until(lambda: ready(classifier, 1))
    shutil.rmtree(tmp_path / "store" / "classifier")
    until(lambda: "no longer says which model is active" in described(other).problem)
    assert [classify(each).model_id for each in (stub, other)] == [old, old]
    new = classifier.activate(stub, second)  # again the first activation of its store
    until(lambda: described(other).model_id == new)
    assert described(other).problem == ""


def test_a_store_that_was_replaced_while_it_was_out_of_reach_is_followed(
    classifier: Classifier, tmp_path: Path
) -> None:
    stub = classifier.start()
    old = classifier.activate(stub, bundle(classifier.store))
    replaced = DirectoryStore(tmp_path / "another")
    ref = bundle(replaced, answer=1)
    active.remember(replaced, ref)  # the first activation there too
    (tmp_path / "store").rename(tmp_path / "away")
    time.sleep(0.3)  # some looks for activations
    assert classify(stub).model_id == old
    (tmp_path / "another").rename(tmp_path / "store")
    until(lambda: described(stub).model_id != old)
    assert described(stub).bundle.sha256 == ref.sha256


def test_an_active_bundle_that_is_deleted_goes_on_serving_and_comes_back_from_a_backup(
    classifier: Classifier, tmp_path: Path
) -> None:
    stub = classifier.start()
    ref = bundle(classifier.store)
    served = classifier.activate(stub, ref)
    folder = (tmp_path / "store" / ref.key).parent
    folder.rename(tmp_path / "backup")
    assert classify(stub).model_id == served
    with pytest.raises(NotFoundError, match=served):  # no other replica could load it
        classifier.activate(stub, ref)
    later = classifier.start()
    until(lambda: "cannot be served" in _listing(later).problem)
    assert not ready(classifier, 1)
    (tmp_path / "backup").rename(folder)
    until(lambda: ready(classifier, 1))
    assert classify(later).model_id == served


class HangingStore(DirectoryStore):
    """A disk that does not answer as long as `hangs` is set, and never says that it will not."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.hangs, self.asked = False, threading.Event()
        self.answers = threading.Event()

    def list(self, prefix: str) -> Iterator[str]:
        if self.hangs:
            self.asked.set()
            assert self.answers.wait(60)
        return super().list(prefix)


def test_a_store_that_hangs_holds_up_nobody_who_sends_a_photograph(classifier: Classifier, tmp_path: Path) -> None:
    store = classifier.store = HangingStore(tmp_path / "store")
    stub = classifier.start()
    served = classifier.activate(stub, bundle(store))
    store.hangs = True
    try:
        assert store.asked.wait(20)  # the look for activations hangs
        calls = [
            stub.ListModels.future(classifier_pb2.ClassifierServiceListModelsRequest(), timeout=30) for _ in range(8)
        ]
        assert {classify(stub).model_id for _ in range(20)} == {served}
        assert ready(classifier)
        assert not any(call.done() for call in calls)
    finally:
        store.hangs = False
        store.answers.set()
    assert all(call.result(30).models for call in calls)


def _listing(stub: Any) -> Any:
    return stub.ListModels(classifier_pb2.ClassifierServiceListModelsRequest())
