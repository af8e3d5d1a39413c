"""The classifier bundle: what the trainer writes, and what qc, trainer and classifier read.

`bundles/<id>/bundle.json` is its card and is written last; `model.onnx` and `model.safetensors` lie beside
it. The id is made from the content, so equal trainings give the same bundle.

The ONNX model takes `images` [N, 3, S, S] float32 and gives `logits_<task>` [N, C] for every task and
`features` [N, F], the pooled backbone.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.images import InputSpec
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]

Float32 = npt.NDArray[np.float32]


class BundleCard(BaseModel):
    """What a bundle is: its files, what they take and give, and how they came to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    taxonomy: Taxonomy
    input_spec: InputSpec
    architecture: str
    initial_weights: str
    warnings: tuple[str, ...] = ()
    not_answered: tuple[str, ...] = ()  # tasks that were not taught: neither scored nor served, and not in `taxonomy`
    training: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    onnx: ObjectRef
    weights: ObjectRef


def write_bundle(
    store: ObjectStore,
    onnx: bytes,
    weights: bytes,
    *,
    taxonomy: Taxonomy,
    input_spec: InputSpec,
    architecture: str,
    initial_weights: str,
    warnings: tuple[str, ...] = (),
    not_answered: tuple[str, ...] = (),
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> tuple[str, ObjectRef]:
    """Stores a bundle; returns its id (16 hexadecimal digits) and the reference of its card.

    `onnx` is a model as described above, `weights` safetensors; `training` and `metrics` are anything that
    JSON takes. Raises as `ObjectStore.put`.
    """
    about = {
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "input_spec": input_spec.to_dict(),
        "architecture": architecture,
        "initial_weights": initial_weights,
        "warnings": list(warnings),
        "not_answered": list(not_answered),
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
        "annotations": dict(annotations or {}),
    }
    files = [hashlib.sha256(data).hexdigest() for data in (onnx, weights)]
    bundle_id = hashlib.sha256(_canonical({"files": files, "about": about})).hexdigest()[:16]
    folder = f"bundles/{bundle_id}"
    card = BundleCard.model_validate(
        about
        | {
            "bundle_id": bundle_id,
            "onnx": store.put(f"{folder}/model.onnx", onnx, "application/octet-stream"),
            "weights": store.put(f"{folder}/model.safetensors", weights, "application/octet-stream"),
        }
    )
    data = _canonical(card.model_dump(mode="json", by_alias=True))
    return bundle_id, store.put(f"{folder}/bundle.json", data, "application/json")


def read_card(store: ObjectStore, ref: ObjectRef) -> BundleCard:
    """Raises as `ObjectStore.read`, and InvalidInputError when the object is not a bundle's card."""
    data = store.read(ref)
    try:
        return BundleCard.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidInputError(
            f"{ref.key} is not the card of a bundle ({where}: {first['msg']}); name a bundles/<id>/bundle.json"
        ) from None


def fetch_onnx(store: ObjectStore, card: BundleCard) -> bytes:
    """The ONNX model, checked against the card. Raises as `ObjectStore.read`."""
    return store.read(card.onnx)


class BundleModel:
    """A bundle that predicts, by ONNX Runtime. Safe to use from several threads."""

    def __init__(self, card: BundleCard, onnx: bytes, threads: int = 0) -> None:
        """`threads` 0: as many as there are cores. DataCorruptionError or InvalidInputError as for `load`."""
        self.card = card
        self._session = _open_session(card, onnx, threads)
        _check_contract(card, self._session)

    @classmethod
    def load(cls, store: ObjectStore, ref: ObjectRef, threads: int = 0) -> Self:
        """Reads and opens a bundle.

        Raises as `read_card`; DataCorruptionError when ONNX Runtime cannot open the model, InvalidInputError
        when the model does not fit the card.
        """
        card = read_card(store, ref)
        return cls(card, fetch_onnx(store, card), threads)

    def predict(self, images: Float32) -> dict[str, Float32]:
        """Probabilities [N, C] by task for images [N, 3, S, S], as `saggar.images.preprocess` makes them."""
        return self.run(images)[0]

    def features(self, images: Float32) -> Float32:
        """Pooled backbone features [N, F] of images [N, 3, S, S]."""
        return self.run(images)[1]

    def run(self, images: Float32, limit_s: float | None = None) -> tuple[dict[str, Float32], Float32]:
        """`predict` and `features` in one pass. InvalidInputError when the shape is not [N, 3, S, S];
        DataCorruptionError when the network takes longer than `limit_s` seconds, as one with an endless loop does.
        """
        size = self.card.input_spec.size_px
        if images.ndim != 4 or images.shape[1:] != (3, size, size):
            raise InvalidInputError(
                f"images have the shape {list(images.shape)}; bundle {self.card.bundle_id} takes [N, 3, {size}, {size}]"
            )
        tasks = self.card.taxonomy.task_names
        names = [*(f"logits_{task}" for task in tasks), "features"]
        inputs = {"images": np.ascontiguousarray(images, dtype=np.float32)}
        outputs = self._session.run(names, inputs) if limit_s is None else self._run_within(limit_s, names, inputs)
        probabilities = {task: softmax(logits) for task, logits in zip(tasks, outputs, strict=False)}
        return probabilities, np.asarray(outputs[-1], dtype=np.float32)

    def _run_within(self, limit_s: float, names: list[str], inputs: dict[str, Float32]) -> list[Any]:
        import onnxruntime

        options = onnxruntime.RunOptions()
        timer = threading.Timer(limit_s, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            outputs: list[Any] = self._session.run(names, inputs, options)
        except Exception as error:  # as above, ONNX Runtime's errors have no common class
            if not options.terminate:
                raise
            raise DataCorruptionError(
                f"bundle {self.card.bundle_id}: the network gave no answer within {limit_s:g} s (an endless loop?); "
                "train it again, or allow more time"
            ) from error
        finally:
            timer.cancel()
        return outputs


def softmax(logits: npt.NDArray[Any]) -> Float32:
    """Probabilities along the last axis; computed in float64 with the maximum subtracted."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def _open_session(card: BundleCard, onnx: bytes, threads: int) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the processor from those who decode: a third of the rate.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A model of bytes has no folder: weights in other files would be files of whoever loads it.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", "/nonexistent")
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise DataCorruptionError(
            f"ONNX Runtime cannot open {card.onnx.key}: {error}; train the bundle again, or install a newer onnxruntime"
        ) from error


def _check_contract(card: BundleCard, session: onnxruntime.InferenceSession) -> None:
    size = card.input_spec.size_px
    given = {value.name: list(value.shape) for value in session.get_inputs()}
    made = {value.name: list(value.shape) for value in session.get_outputs()}
    wrong: list[str] = []
    if list(given) != ["images"] or given["images"][1:] != [3, size, size]:
        wrong.append(f"input must be images [N, 3, {size}, {size}], is {given}")
    elif isinstance(given["images"][0], int):
        wrong.append("the number of images must be free")
    for task in card.taxonomy.tasks:
        name, count = f"logits_{task.name}", len(task.classes)
        if name not in made or made[name][1:] != [count]:
            wrong.append(f"output {name} must be [N, {count}], is {made.get(name, 'missing')}")
    if len(made.get("features", ())) != 2:
        wrong.append(f"output features must be [N, F], is {made.get('features', 'missing')}")
    if wrong:
        raise InvalidInputError(f"{card.onnx.key} does not fit its card: {'; '.join(wrong)}; export it again")


def _canonical(values: Mapping[str, Any]) -> bytes:
    """JSON bytes that are equal for equal values."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
