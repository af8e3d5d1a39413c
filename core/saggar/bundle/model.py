"""A bundle that predicts, by ONNX Runtime; without torch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from saggar.bundle.card import BundleCard
from saggar.bundle.golden import Golden
from saggar.bundle.reading import fetch_onnx, read_card
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.store import ObjectRef, ObjectStore

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]

Float32 = npt.NDArray[np.float32]

GOLDEN_TOLERANCE = 1e-3  # of a logit, between one processor's arithmetic and another's
REDUCED_MARGIN = 2.0  # times the difference of the network in 8 bits where it was made
MAPS = "maps"  # the output that explanations are made of; older bundles do not have it


class BundleModel:
    """A bundle that predicts, by ONNX Runtime. Safe to use from several threads."""

    def __init__(
        self, card: BundleCard, onnx: bytes, threads: int = 0, *, reduced: bool = False, session: Any = None
    ) -> None:
        """`threads` 0: as many as there are cores; `reduced`: `onnx` is the network in 8 bits; `session`: one that
        was opened already, with the methods of ONNX Runtime's.

        DataCorruptionError or InvalidInputError as for `load`.
        """
        self.card = card
        self.reduced = reduced
        self._session = _open_session(card, onnx, threads) if session is None else session
        _check_contract(card, self._session)

    @classmethod
    def load(cls, store: ObjectStore, ref: ObjectRef, threads: int = 0, *, reduced: bool = False) -> Self:
        """Reads and opens a bundle; `reduced`: its network in 8 bits.

        Raises as `read_card` and `fetch_onnx`; DataCorruptionError when ONNX Runtime cannot open the model,
        InvalidInputError when the model does not fit the card.
        """
        card = read_card(store, ref)
        return cls(card, fetch_onnx(store, card, reduced=reduced), threads, reduced=reduced)

    @property
    def provider(self) -> str:
        """What runs the network: a provider of ONNX Runtime's, or OpenVINO."""
        return str(self._session.get_providers()[0])

    def predict(self, images: Float32) -> dict[str, Float32]:
        """Calibrated probabilities [N, C] by task for images [N, 3, S, S], as `saggar.images.preprocess` makes them."""
        return self.run(images)[0]

    def features(self, images: Float32) -> Float32:
        """Pooled backbone features [N, D] of images [N, 3, S, S]; an ensemble's are those of its first network."""
        return self.run(images)[1]

    def run(self, images: Float32, limit_s: float | None = None) -> tuple[dict[str, Float32], Float32]:
        """`predict` and `features` in one pass. Raises as `logits`."""
        logits, features = self.logits(images, limit_s)
        return {task: self.card.probabilities(task, values) for task, values in logits.items()}, features

    def logits(self, images: Float32, limit_s: float | None = None) -> tuple[dict[str, Float32], Float32]:
        """Logits [N, C] by task, as the network gives them, and features [N, D].

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

    @property
    def has_maps(self) -> bool:
        """Whether `maps` can be asked for."""
        return any(output.name == MAPS for output in self._session.get_outputs())

    def maps(self, images: Float32) -> Float32:
        """The last convolution's maps [N, F, h, w] of images [N, 3, S, S]; `features` are the means of the first D."""
        inputs = {"images": np.ascontiguousarray(images, dtype=np.float32)}
        return np.asarray(self._session.run([MAPS], inputs)[0], np.float32)

    def check_golden(self, golden: Golden) -> None:
        """Raises DataCorruptionError when the network no longer gives the golden sample's logits."""
        logits, _ = self.logits(golden.image[None])
        for task, expected in golden.logits.items():
            apart = float(np.abs(logits[task][0] - expected).max()) if task in logits else float("inf")
            if not apart <= self._allowed(expected):
                raise DataCorruptionError(
                    f"bundle {self.card.bundle_id}: {task} of the golden sample is {apart:.3g} from what was exported; "
                    "train the bundle again, or use the onnxruntime of the machine that wrote it"
                )

    def _allowed(self, expected: Float32) -> float:
        """How far a logit may be from the golden sample's, which the network in 32 bits has given."""
        allowed = GOLDEN_TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if not self.reduced or self.card.reduced is None:
            return allowed
        return max(allowed, REDUCED_MARGIN * self.card.reduced.golden_difference)

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
