"""The models that a classifier has, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict

from saggar.store import ObjectRef
from saggar.v1 import classifier_pb2, common_pb2

State = Literal["served", "loaded", "stored"]

_STATES: dict[int, State] = {
    classifier_pb2.MODEL_STATE_SERVED: "served",
    classifier_pb2.MODEL_STATE_LOADED: "loaded",
}


@dataclass(frozen=True)
class Model:
    """A model of the store."""

    model_id: str
    bundle: ObjectRef
    state: State
    architecture: str
    tasks: tuple[str, ...]
    validation_macro_f1: float | None  # mean over tasks
    annotations: Mapping[str, str]
    size_bytes: int
    problem: str  # why its card cannot be read; empty where it can


@dataclass(frozen=True)
class Description:
    """One model: what it predicts, how well, and how sure it may be."""

    model_id: str
    bundle: ObjectRef
    state: State
    codes: Mapping[str, tuple[str, ...]]
    calibrated: Mapping[str, bool]
    coverages: tuple[float, ...]  # that prediction sets may be asked for
    image_size_px: int
    annotations: Mapping[str, str]
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]  # settings, and `manifest`, the SHA-256 of the data set
    neighbours: int  # training photographs that answers can show
    size_bytes: int
    preprocessing_sha256: str
    provider: str  # empty where it is not loaded
    precision: str
    notes: tuple[str, ...]  # what it cannot say
    problem: str  # why the model that was activated last is not served; empty where it is


def description_from_message(message: classifier_pb2.DescribeModelResponse) -> Description:
    coverages = {rule.coverage for task in message.tasks for rule in task.prediction_sets}
    return Description(
        model_id=message.model_id,
        bundle=_ref(message.bundle),
        state=_STATES.get(message.state, "stored"),
        codes={task.task: tuple(task.codes) for task in message.tasks},
        calibrated={task.task: task.calibrated for task in message.tasks},
        coverages=tuple(sorted(coverages)),
        image_size_px=message.image_size_px,
        annotations=dict(message.annotations),
        metrics=MessageToDict(message.metrics),
        training=MessageToDict(message.training),
        neighbours=message.neighbours,
        size_bytes=message.size_bytes,
        preprocessing_sha256=message.preprocessing_sha256,
        provider=message.provider,
        precision=message.precision,
        notes=tuple(message.notes),
        problem=message.problem,
    )


def model_from_message(message: classifier_pb2.ModelSummary) -> Model:
    return Model(
        model_id=message.model_id,
        bundle=_ref(message.bundle),
        state=_STATES.get(message.state, "stored"),
        architecture=message.architecture,
        tasks=tuple(message.tasks),
        validation_macro_f1=message.validation_macro_f1 if message.HasField("validation_macro_f1") else None,
        annotations=dict(message.annotations),
        size_bytes=message.size_bytes,
        problem=message.problem,
    )


def _ref(message: common_pb2.ObjectRef) -> ObjectRef:
    return ObjectRef(message.uri.removeprefix("store:"), message.sha256, message.size_bytes, message.media_type)
