"""A network in 8 bits, where it answers nearly as well: INT8, QDQ, unsigned activations and signed weights.

Convolutions and the sums that join them are in 8 bits. What static quantisation is known to hurt in MobileNetV3 stays
in 32: squeeze-and-excitation whole, hard-sigmoid and hard-swish, and the heads. Ranges of activations are percentiles
over training photographs, so that a few bright pixels don't coarsen all others. Two signed operands (S8S8) take three
times as long on a processor as U8S8, which is what VNNI multiplies.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from saggar.bundle import Golden, ReducedNote
from saggar.bundle.model import MAPS

from saggar_trainer.data.rows import Indices
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.export.resampling import drop_between
from saggar_trainer.export.sessions import logits_of, opened

Float32 = npt.NDArray[np.float32]

ALLOWED_DROP = 0.02  # of macro-F1 on validation, mean over tasks, that its interval has to lie below
CALIBRATION = 100  # training photographs
PERCENTILE = 99.99  # of an activation's values, that its range holds
_REDUCED = ["Conv", "Add"]
_POOLS = frozenset({"GlobalAveragePool", "ReduceMean"})
_FLOAT = ("squeeze-and-excitation", "hard-sigmoid", "hard-swish", "heads")
_BATCH = 16
_AT_ONCE = 5  # pictures


@dataclass(frozen=True)
class Photographs:
    """Prepared pictures, one at a time: `load(row)` gives [3, S, S]."""

    count: int
    load: Callable[[int], Float32]

    def batches(self) -> Iterator[Float32]:
        for start in range(0, self.count, _BATCH):
            yield np.stack([self.load(row) for row in range(start, min(start + _BATCH, self.count))])


@dataclass(frozen=True)
class Standard:
    """What the network in 32 bits says of the validation split."""

    photographs: Photographs
    logits: Mapping[str, Float32]  # task -> [N, C]
    truth: Mapping[str, Indices]  # task -> [N]
    object_ids: Sequence[str]  # [N]


def reduced(
    whole: bytes, calibration: Photographs, standard: Standard, golden: Golden
) -> tuple[ReducedNote, bytes | None]:
    """The network in 8 bits with what it costs; None in place of the network where no scheme passes the gate.

    Weights have a scale per channel; where that fails the gate, one per tensor is tried. The gate: the 95 % interval of
    the fall of macro-F1, over objects, lies below ALLOWED_DROP whole. Fewer than 3 / ALLOWED_DROP objects
    can't show that.
    """
    found: list[tuple[ReducedNote, bytes]] = []
    for per_channel in (True, False):
        network = quantised(whole, calibration, per_channel=per_channel)
        note = compared(network, standard, golden, calibration.count, per_channel=per_channel)
        if note.kept:
            return note, network
        found.append((note, network))
    return min((note for note, _ in found), key=lambda note: note.mean_drop), None


def quantised(whole: bytes, calibration: Photographs, *, per_channel: bool, percentile: float = PERCENTILE) -> bytes:
    """`whole` in 8 bits, without its output of maps."""
    from onnxruntime.quantization import (  # type: ignore[import-untyped]
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process  # type: ignore[import-untyped]

    model = onnx.load_from_string(whole)
    maps = [output for output in model.graph.output if output.name == MAPS]
    for output in maps:
        model.graph.output.remove(output)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, ready, target = (Path(folder) / name for name in ("whole.onnx", "ready.onnx", "reduced.onnx"))
        onnx.save(model, source)
        quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(target),
            _Reader(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_REDUCED,
            nodes_to_exclude=squeezing(onnx.load(ready)),
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            # Every activation of a picture is kept until it is counted: at 224 px some 40 MB, for a few at a time.
            extra_options={"CalibPercentile": percentile, "CalibStridedMinMax": _counted_at_once(calibration.count)},
        )
        made = onnx.load(target)
    made.producer_name = made.producer_version = ""
    return bytes(made.SerializeToString(deterministic=True))


def squeezing(model: Any) -> list[str]:
    """Names of the convolutions of squeeze-and-excitation: those that see nothing but pooled maps."""
    pooled: set[str] = set()
    names = []
    for node in model.graph.node:  # in the order of computation
        if node.op_type in _POOLS:
            pooled.update(node.output)
        elif node.input and node.input[0] in pooled and node.op_type in {"Conv", "Relu", "HardSigmoid"}:
            pooled.update(node.output)
            if node.op_type == "Conv":
                names.append(node.name)
    return names


def compared(network: bytes, standard: Standard, golden: Golden, calibrated: int, *, per_channel: bool) -> ReducedNote:
    """What `network` in 8 bits costs against the one in 32."""
    session, tasks = opened(network), list(standard.logits)
    parts = [logits_of(session, tasks, images) for images in standard.photographs.batches()]
    logits = {task: np.concatenate([part[task] for part in parts]) for task in tasks}
    same = [(logits[task].argmax(1) == standard.logits[task].argmax(1)).mean() for task in tasks]
    scores = {task: _scores(standard.truth[task], standard.logits[task], logits[task]) for task in tasks}
    known = {task: found for task, found in scores.items() if found is not None}
    drop = float(np.mean([old - new for old, new in known.values()])) if known else 0.0
    low, high, objects = drop_between(standard.logits, logits, standard.truth, standard.object_ids)
    on_golden = logits_of(session, tasks, golden.image[None])
    return ReducedNote(
        scheme=f"INT8 QDQ U8S8, a scale per {'channel' if per_channel else 'tensor'}, {PERCENTILE:g}th percentile",
        kept_float=_FLOAT,
        calibration_photographs=calibrated,
        validation_photographs=standard.photographs.count,
        macro_f1=known,
        mean_drop=drop,
        mean_drop_interval=(low, high),
        validation_objects=objects,
        allowed_drop=ALLOWED_DROP,
        same_answers=float(np.mean(same)),
        golden_difference=max(float(np.abs(on_golden[task][0] - golden.logits[task]).max()) for task in tasks),
        kept=high <= ALLOWED_DROP,
    )


def _scores(truth: Indices, old: Float32, new: Float32) -> tuple[float, float] | None:
    before, after = task_metrics(truth, old), task_metrics(truth, new)
    return None if before is None or after is None else (before.macro_f1, after.macro_f1)


def _counted_at_once(count: int) -> int:
    """A divisor of `count`, which ONNX Runtime asks for, of at most _AT_ONCE."""
    return next(size for size in range(_AT_ONCE, 0, -1) if count % size == 0)


class _Reader:
    """What ONNX Runtime's calibration asks for its pictures: one at a time, since it takes none of unequal batches."""

    def __init__(self, photographs: Photographs) -> None:
        self._photographs = photographs
        self._left = iter(range(photographs.count))

    def __len__(self) -> int:
        return self._photographs.count

    def set_range(self, start_index: int, end_index: int) -> None:
        self._left = iter(range(start_index, min(end_index, self._photographs.count)))

    def get_next(self) -> dict[str, Float32] | None:
        row = next(self._left, None)
        return None if row is None else {"images": np.ascontiguousarray(self._photographs.load(row)[None])}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser prints and logs about its own progress."""
    level = logging.root.level
    try:
        logging.root.setLevel(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.root.setLevel(level)


def spread(count: int, most: int = CALIBRATION) -> list[int]:
    """At most `most` of `count` rows, evenly over all."""
    rows: list[int] = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()
    return rows
