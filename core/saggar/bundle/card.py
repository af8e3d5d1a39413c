"""A bundle's card: what it is, how it came to be, and which files belong to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from saggar.certainty.calibration import Calibration, softmax
from saggar.certainty.novelty import NoveltyRule
from saggar.certainty.sets import SetRule
from saggar.images import InputSpec
from saggar.store import ObjectRef
from saggar.taxonomy import Taxonomy

CARD = "bundle.json"
README = "README.md"  # `saggar.bundle.model_card`
FILES = {  # reference of the card: name in the bundle's folder
    "onnx": "model.onnx",
    "weights": "model.safetensors",
    "golden": "golden.npz",
    "novelty_model": "novelty.npz",
    "neighbours_file": "neighbours.npz",
    "neighbours_index": "neighbours.usearch",
    "reduced_onnx": "model.int8.onnx",
}


class DataNote(BaseModel):
    """What the data set holds, and whose the photographs are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: dict[str, dict[str, int]]  # split -> origin -> images
    objects: dict[str, int]  # split -> objects
    classes: dict[str, dict[str, int]]  # task -> class -> real training photographs
    licences: dict[str, int]  # licence, empty where the catalogue says none -> real training photographs


class TaskScore(BaseModel):
    """Of one task on the validation split: (value, low, high), with the 95 % interval of a bootstrap over objects.

    It is never of no width: no split shows that a network is always right.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    objects: int = Field(ge=1)
    macro_f1: tuple[float, float, float]
    top_1: tuple[float, float, float]


class NeighboursNote(BaseModel):
    """What the index of training photographs holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    photographs: int = Field(ge=1)
    objects: int = Field(ge=1)
    features: int = Field(ge=1)


class ReducedNote(BaseModel):
    """The network in 8 bits: how it was made, and what that costs. `kept` says whether it passed the gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: str  # e.g. "INT8 QDQ U8S8, weights per channel"
    kept_float: tuple[str, ...]  # what stays in 32 bits
    calibration_photographs: int = Field(ge=1)
    validation_photographs: int = Field(ge=1)
    macro_f1: dict[str, tuple[float, float]]  # task -> (32 bits, 8 bits), on validation
    mean_drop: float  # of macro-F1, mean over tasks; negative where 8 bits are better
    mean_drop_interval: tuple[float, float]  # 95 %, of a bootstrap over objects; ends at 3 / objects at least
    validation_objects: int = Field(ge=0)  # with a label
    allowed_drop: float  # the gate: the interval ends below it
    same_answers: float = Field(ge=0, le=1)  # share of (photograph, task) with the same likeliest class
    golden_difference: float  # of a logit of the golden sample
    kept: bool


class Cost(BaseModel):
    """What one photograph costs; the same on every machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: int = Field(ge=0)
    multiply_adds: int = Field(ge=0)  # of one image


class Measured(BaseModel):
    """Time on the machine that wrote the bundle, one thread: for its page, the card being the same on all machines."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    processor: str
    open_ms: float  # from bytes to a session
    image_ms: float  # one prepared image
    reduced_open_ms: float | None = None
    reduced_image_ms: float | None = None


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
    neighbours: NeighboursNote | None = None  # of `neighbours_file`
    reduced: ReducedNote | None = None  # of `reduced_onnx`, which is there where it was kept
    data: DataNote | None = None
    validation: dict[str, TaskScore] = Field(default_factory=dict)  # by task
    cost: Cost | None = None
    training: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    onnx: ObjectRef
    weights: ObjectRef
    golden: ObjectRef | None = None
    novelty_model: ObjectRef | None = None
    neighbours_file: ObjectRef | None = None
    neighbours_index: ObjectRef | None = None  # above `saggar.bundle.neighbours.EXACT_UP_TO` photographs
    reduced_onnx: ObjectRef | None = None

    @property
    def size_bytes(self) -> int:
        """Of all files beside the card."""
        return sum(self.file_sizes().values())

    def temperature(self, task: str) -> float:
        """What the logits of `task` are divided by."""
        return self.calibration[task].temperature if task in self.calibration else 1.0

    def probabilities(self, task: str, logits: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Probabilities of logits [..., C] of `task`, calibrated where the validation split had labels of it."""
        return self.calibration[task].probabilities(logits) if task in self.calibration else softmax(logits)

    def codes(self) -> dict[str, tuple[str, ...]]:
        """The classes of every task, in the order of its logits."""
        return {task.name: task.codes for task in self.taxonomy.tasks}

    def file_sizes(self) -> dict[str, int]:
        """Bytes of every file beside the card, by its name."""
        refs = {name: getattr(self, field) for field, name in FILES.items()}
        return {name: ref.size_bytes for name, ref in refs.items() if ref is not None}
