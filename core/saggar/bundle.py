"""The classifier bundle: what the trainer writes, and what qc, trainer and classifier read.

`bundles/<id>/bundle.json` is its card and is written last; `model.onnx` and `model.safetensors` lie beside
it, and, from a trainer, `golden.npz` (an image and the logits that it must give) and `novelty.npz`. The id is made from
the content, so equal trainings give the same bundle.

The ONNX model takes `images` [N, 3, S, S] float32 and gives `logits_<task>` [N, C] for every task and
`features` [N, F], the pooled backbone. Probabilities are softmax(logits / the card's temperature of the task).
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saggar.certainty.calibration import Calibration
from saggar.certainty.novelty import NoveltyModel, NoveltyRule
from saggar.certainty.sets import SetRule
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.images import InputSpec
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]

Float32 = npt.NDArray[np.float32]

FILES = {"golden": "golden.npz", "novelty_model": "novelty.npz"}
GOLDEN_TOLERANCE = 1e-3  # of a logit, between one processor's arithmetic and another's


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
    calibration: dict[str, Calibration] = Field(default_factory=dict)  # by task; a task without has temperature 1
    prediction_sets: dict[str, tuple[SetRule, ...]] = Field(default_factory=dict)  # by task
    novelty: NoveltyRule | None = None  # its model is in `novelty_model`
    training: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    onnx: ObjectRef
    weights: ObjectRef
    golden: ObjectRef | None = None
    novelty_model: ObjectRef | None = None

    @property
    def size_bytes(self) -> int:
        """Of all files beside the card."""
        files = (self.onnx, self.weights, self.golden, self.novelty_model)
        return sum(ref.size_bytes for ref in files if ref is not None)

    def temperature(self, task: str) -> float:
        """What the logits of `task` are divided by."""
        return self.calibration[task].temperature if task in self.calibration else 1.0


@dataclass(frozen=True)
class Certainty:
    """What a bundle says of how sure it is; see `saggar.certainty`."""

    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    prediction_sets: Mapping[str, tuple[SetRule, ...]] = field(default_factory=dict)
    novelty: NoveltyRule | None = None
    novelty_model: NoveltyModel | None = None


@dataclass(frozen=True)
class Golden:
    """An input and the logits that the network gives for it: whoever opens the model can see that it still does."""

    image: Float32  # [3, S, S], prepared
    logits: Mapping[str, Float32]  # task -> [C]

    def to_bytes(self) -> bytes:
        """As .npz, the same bytes for the same arrays."""
        buffer = io.BytesIO()
        named: dict[str, Any] = {f"logits_{task}": values for task, values in self.logits.items()}
        np.savez(buffer, image=self.image, **named)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes, source: str) -> Golden:
        """What `to_bytes` wrote; raises DataCorruptionError when it is anything else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: np.asarray(file[name], np.float32) for name in file.files}
            image = arrays.pop("image")
        except (KeyError, ValueError, OSError, EOFError) as error:
            raise DataCorruptionError(f"{source}: not a golden sample ({error}); train the bundle again") from error
        return Golden(image, {name.removeprefix("logits_"): values for name, values in arrays.items()})


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
    certainty: Certainty | None = None,
    golden: Golden | None = None,
) -> tuple[str, ObjectRef]:
    """Stores a bundle; returns its id (16 hexadecimal digits) and the reference of its card.

    `onnx` is a model as described above, `weights` safetensors; `training` and `metrics` are anything that
    JSON takes. Raises as `ObjectStore.put`.
    """
    certainty = certainty or Certainty()
    rules = {task: [rule.model_dump(mode="json") for rule in of] for task, of in certainty.prediction_sets.items()}
    about: dict[str, Any] = {
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "input_spec": input_spec.to_dict(),
        "architecture": architecture,
        "initial_weights": initial_weights,
        "warnings": list(warnings),
        "not_answered": list(not_answered),
        "calibration": {task: found.model_dump(mode="json") for task, found in certainty.calibration.items()},
        "prediction_sets": rules,
        "novelty": certainty.novelty.model_dump(mode="json") if certainty.novelty else None,
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
        "annotations": dict(annotations or {}),
    }
    further = {
        "golden": golden.to_bytes() if golden else None,
        "novelty_model": certainty.novelty_model.to_bytes() if certainty.novelty_model else None,
    }
    contents = (onnx, weights, *(data for data in further.values() if data is not None))
    files = [hashlib.sha256(data).hexdigest() for data in contents]
    bundle_id = hashlib.sha256(_canonical({"files": files, "about": about})).hexdigest()[:16]
    folder = f"bundles/{bundle_id}"
    card = BundleCard.model_validate(
        about
        | {
            "bundle_id": bundle_id,
            "onnx": store.put(f"{folder}/model.onnx", onnx, "application/octet-stream"),
            "weights": store.put(f"{folder}/model.safetensors", weights, "application/octet-stream"),
        }
        | {
            name: store.put(f"{folder}/{FILES[name]}", data, "application/octet-stream")
            for name, data in further.items()
            if data is not None
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


def read_novelty(store: ObjectStore, card: BundleCard) -> NoveltyModel | None:
    """The bundle's model of what it has learnt from; None where it has none. Raises as `ObjectStore.read`."""
    if card.novelty_model is None:
        return None
    return NoveltyModel.from_bytes(store.read(card.novelty_model), card.novelty_model.key)


def read_golden(store: ObjectStore, card: BundleCard) -> Golden | None:
    """The bundle's golden sample; None where it has none. Raises as `ObjectStore.read`."""
    return None if card.golden is None else Golden.from_bytes(store.read(card.golden), card.golden.key)


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

    @property
    def provider(self) -> str:
        """What runs the network, as ONNX Runtime calls it."""
        return str(self._session.get_providers()[0])

    def predict(self, images: Float32) -> dict[str, Float32]:
        """Calibrated probabilities [N, C] by task for images [N, 3, S, S], as `saggar.images.preprocess` makes them."""
        return self.run(images)[0]

    def features(self, images: Float32) -> Float32:
        """Pooled backbone features [N, F] of images [N, 3, S, S]."""
        return self.run(images)[1]

    def run(self, images: Float32, limit_s: float | None = None) -> tuple[dict[str, Float32], Float32]:
        """`predict` and `features` in one pass. Raises as `logits`."""
        logits, features = self.logits(images, limit_s)
        return {task: softmax(values / self.card.temperature(task)) for task, values in logits.items()}, features

    def logits(self, images: Float32, limit_s: float | None = None) -> tuple[dict[str, Float32], Float32]:
        """Logits [N, C] by task, as the network gives them, and features [N, F].

        InvalidInputError when the shape is not [N, 3, S, S]; DataCorruptionError when the network takes longer than
        `limit_s` seconds, as one with an endless loop does.
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
        by_task = {task: np.asarray(values, np.float32) for task, values in zip(tasks, outputs, strict=False)}
        return by_task, np.asarray(outputs[-1], dtype=np.float32)

    def check_golden(self, golden: Golden) -> None:
        """Raises DataCorruptionError when the network no longer gives the golden sample's logits."""
        logits, _ = self.logits(golden.image[None])
        for task, expected in golden.logits.items():
            apart = float(np.abs(logits[task][0] - expected).max()) if task in logits else float("inf")
            if not apart <= GOLDEN_TOLERANCE * max(1.0, float(np.abs(expected).max())):
                raise DataCorruptionError(
                    f"bundle {self.card.bundle_id}: {task} of the golden sample is {apart:.3g} from what was exported; "
                    "train the bundle again, or use the onnxruntime of the machine that wrote it"
                )

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
