"""Bundles, with a small network made by hand: two linear heads on the channels' means."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from saggar.bundle import BundleModel, Golden, Neighbours, fetch_onnx, read_card, softmax, write_bundle
from saggar.certainty.novelty import NoveltyModel
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError
from saggar.images import InputSpec
from saggar.store import DirectoryStore, ObjectRef
from saggar.taxonomy import Taxonomy

SIZE = 8
TAXONOMY = Taxonomy.model_validate(
    {
        "id": "tiny",
        "title": "Tiny",
        "caption": ["{glaze} glaze"],
        "prompt": ["{glaze} glaze", "{type}"],
        "tasks": [
            {
                "name": name,
                "classes": [{"code": c, "names": {"en": c, "zh-Hans": "瓷"}, "phrase": c} for c in codes],
            }
            for name, codes in (("glaze", ("A", "B")), ("type", ("X", "Y", "Z")))
        ],
    }
)
HEADS = {
    "glaze": np.array([[1, -1], [0, 2], [3, 0]], np.float32),
    "type": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
}


def network(tasks: tuple[str, ...] = ("glaze", "type"), size: int = SIZE, batch: Any = "n") -> bytes:
    """features = mean over pixels [N, 3]; logits_<task> = features @ HEADS[task]."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, size, size])
    nodes = [helper.make_node("ReduceMean", ["images", "axes"], ["features"], keepdims=0)]
    constants = [helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [batch, 3])]
    for task in tasks:
        head = HEADS[task]
        constants.append(helper.make_tensor(f"head_{task}", TensorProto.FLOAT, head.shape, head.ravel()))
        nodes.append(helper.make_node("MatMul", ["features", f"head_{task}"], [f"logits_{task}"]))
        shape = [batch, head.shape[1]]
        outputs.append(helper.make_tensor_value_info(f"logits_{task}", TensorProto.FLOAT, shape))
    graph = helper.make_graph(nodes, "tiny", [images], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def half_an_archive() -> bytes:
    data = Golden(np.zeros((3, SIZE, SIZE), np.float32), {"type": np.zeros(3, np.float32)}).to_bytes()
    return data[: len(data) // 2]


def written(store: DirectoryStore, model: bytes | None = None, **changes: Any) -> tuple[str, ObjectRef]:
    about: dict[str, Any] = {
        "taxonomy": TAXONOMY,
        "input_spec": InputSpec(SIZE),
        "architecture": "means",
        "initial_weights": "random",
        "warnings": ("random initial weights",),
        "training": {"seed": 0},
        "metrics": {"validation": {"mean_macro_f1": 0.5}},
        "annotations": {"arm": "baseline"},
    }
    return write_bundle(store, model or network(), b"weights", **about | changes)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def test_a_bundle_is_read_as_it_was_written(store: DirectoryStore) -> None:
    bundle_id, ref = written(store)
    assert ref.key == f"bundles/{bundle_id}/bundle.json"
    card = read_card(store, ref)
    assert card.bundle_id == bundle_id
    assert card.taxonomy == TAXONOMY
    assert card.input_spec == InputSpec(SIZE)
    assert card.warnings == ("random initial weights",)
    assert card.annotations == {"arm": "baseline"}
    assert card.metrics == {"validation": {"mean_macro_f1": 0.5}}
    assert fetch_onnx(store, card) == network()
    assert store.read(card.weights) == b"weights"


def test_the_id_is_made_from_the_content(store: DirectoryStore) -> None:
    first = written(store)
    assert written(store) == first
    others = [
        written(store, training={"seed": 1}),
        written(store, annotations={"arm": "95:5"}),
        written(store, network(("glaze", "type"), batch="m")),
    ]
    assert len({first[0], *(bundle_id for bundle_id, _ in others)}) == 4


def test_probabilities_and_features_are_those_of_the_network(store: DirectoryStore) -> None:
    model = BundleModel.load(store, written(store)[1], threads=1)
    images = np.random.default_rng(0).normal(size=(5, 3, SIZE, SIZE)).astype(np.float32)
    means = images.mean(axis=(2, 3))
    np.testing.assert_allclose(model.features(images), means, atol=1e-5)
    probabilities = model.predict(images)
    assert set(probabilities) == {"glaze", "type"}
    for task, head in HEADS.items():
        powers = np.exp(means.astype(np.float64) @ head)
        expected = powers / powers.sum(axis=1, keepdims=True)
        assert probabilities[task].dtype == np.float32
        np.testing.assert_allclose(probabilities[task], expected, atol=1e-5)


def test_any_number_of_images_gives_the_same_as_one_by_one(store: DirectoryStore) -> None:
    model = BundleModel.load(store, written(store)[1], threads=1)
    images = np.random.default_rng(1).normal(size=(4, 3, SIZE, SIZE)).astype(np.float32)
    together = model.predict(images)["type"]
    one_by_one = np.concatenate([model.predict(images[i : i + 1])["type"] for i in range(4)])
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)
    assert model.predict(images[:0])["type"].shape == (0, 3)


@pytest.mark.parametrize("shape", [(3, SIZE, SIZE), (1, 3, SIZE, SIZE + 1), (1, 1, SIZE, SIZE)])
def test_images_of_another_shape_are_refused(store: DirectoryStore, shape: tuple[int, ...]) -> None:
    model = BundleModel.load(store, written(store)[1], threads=1)
    with pytest.raises(InvalidInputError, match=r"takes \[N, 3, 8, 8\]"):
        model.predict(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (network(("glaze",)), r"output logits_type must be \[N, 3\], is missing"),
        (network(size=16), r"input must be images \[N, 3, 8, 8\]"),
        (network(batch=1), "number of images must be free"),
    ],
    ids=["task", "size", "batch"],
)
def test_a_network_that_does_not_fit_its_card_is_refused(store: DirectoryStore, model: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        BundleModel.load(store, written(store, model)[1], threads=1)


def test_a_network_that_is_none_is_corruption(store: DirectoryStore) -> None:
    with pytest.raises(DataCorruptionError, match="cannot open bundles/"):
        BundleModel.load(store, written(store, b"not onnx")[1])


def test_missing_and_changed_files_are_told(store: DirectoryStore) -> None:
    bundle_id, ref = written(store)
    path = store.root / "bundles" / bundle_id / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataCorruptionError, match=r"model\.onnx does not match"):
        BundleModel.load(store, ref)
    path.unlink()
    with pytest.raises(NotFoundError, match=r"model\.onnx"):
        BundleModel.load(store, ref)


@pytest.mark.parametrize("data", [b"[]", b"{}", b"\xff", b'{"bundle_id": "x"}'])
def test_what_is_no_card_is_refused(store: DirectoryStore, data: bytes) -> None:
    ref = store.put("bundles/x/bundle.json", data, "application/json")
    with pytest.raises(InvalidInputError, match="is not the card of a bundle"):
        read_card(store, ref)


def test_a_card_with_an_unknown_field_is_refused(store: DirectoryStore) -> None:
    card = json.loads(store.get(written(store)[1].key)) | {"colour": "blue"}
    ref = store.put("bundles/y/bundle.json", json.dumps(card).encode(), "application/json")
    with pytest.raises(InvalidInputError, match="colour"):
        read_card(store, ref)


@pytest.mark.parametrize("kind", [Golden, NoveltyModel, Neighbours])
@pytest.mark.parametrize("data", [b"", b"PK", b"hello", half_an_archive()], ids=["empty", "start", "text", "half"])
def test_damaged_arrays_are_corruption(kind: Any, data: bytes) -> None:
    with pytest.raises(DataCorruptionError, match=r"x\.npz: not .* train the bundle again"):
        kind.from_bytes(data, "x.npz")


def test_softmax_survives_large_logits() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]])), [[0.5, 0.5, 0.0]])
