from google.protobuf import struct_pb2 as _struct_pb2
from saggar.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AbstentionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ABSTENTION_REASON_UNSPECIFIED: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_IMPROBABLE: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_UNLIKE_TRAINING: _ClassVar[AbstentionReason]

class ModelState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_STATE_UNSPECIFIED: _ClassVar[ModelState]
    MODEL_STATE_STORED: _ClassVar[ModelState]
    MODEL_STATE_LOADED: _ClassVar[ModelState]
    MODEL_STATE_SERVED: _ClassVar[ModelState]
ABSTENTION_REASON_UNSPECIFIED: AbstentionReason
ABSTENTION_REASON_IMPROBABLE: AbstentionReason
ABSTENTION_REASON_UNLIKE_TRAINING: AbstentionReason
MODEL_STATE_UNSPECIFIED: ModelState
MODEL_STATE_STORED: ModelState
MODEL_STATE_LOADED: ModelState
MODEL_STATE_SERVED: ModelState

class ClassifyRequest(_message.Message):
    __slots__ = ("image", "object", "top_k", "coverage", "least_probability", "neighbours")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    LEAST_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    object: _common_pb2.ObjectRef
    top_k: int
    coverage: float
    least_probability: float
    neighbours: int
    def __init__(self, image: _Optional[bytes] = ..., object: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., top_k: _Optional[int] = ..., coverage: _Optional[float] = ..., least_probability: _Optional[float] = ..., neighbours: _Optional[int] = ...) -> None: ...

class ClassProbability(_message.Message):
    __slots__ = ("code", "name", "probability", "name_zh_hans", "name_zh_hant")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_HANS_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_HANT_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    probability: float
    name_zh_hans: str
    name_zh_hant: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., probability: _Optional[float] = ..., name_zh_hans: _Optional[str] = ..., name_zh_hant: _Optional[str] = ...) -> None: ...

class TaskPrediction(_message.Message):
    __slots__ = ("task", "classes", "calibrated", "prediction_sets", "abstention")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SETS_FIELD_NUMBER: _ClassVar[int]
    ABSTENTION_FIELD_NUMBER: _ClassVar[int]
    task: str
    classes: _containers.RepeatedCompositeFieldContainer[ClassProbability]
    calibrated: bool
    prediction_sets: _containers.RepeatedCompositeFieldContainer[PredictionSet]
    abstention: Abstention
    def __init__(self, task: _Optional[str] = ..., classes: _Optional[_Iterable[_Union[ClassProbability, _Mapping]]] = ..., calibrated: _Optional[bool] = ..., prediction_sets: _Optional[_Iterable[_Union[PredictionSet, _Mapping]]] = ..., abstention: _Optional[_Union[Abstention, _Mapping]] = ...) -> None: ...

class PredictionSet(_message.Message):
    __slots__ = ("kind", "coverage", "coverage_sd", "objects", "codes")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_SD_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    kind: str
    coverage: float
    coverage_sd: float
    objects: int
    codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[str] = ..., coverage: _Optional[float] = ..., coverage_sd: _Optional[float] = ..., objects: _Optional[int] = ..., codes: _Optional[_Iterable[str]] = ...) -> None: ...

class Abstention(_message.Message):
    __slots__ = ("reason", "value", "threshold", "explanation")
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    reason: AbstentionReason
    value: float
    threshold: float
    explanation: str
    def __init__(self, reason: _Optional[_Union[AbstentionReason, str]] = ..., value: _Optional[float] = ..., threshold: _Optional[float] = ..., explanation: _Optional[str] = ...) -> None: ...

class JointCombination(_message.Message):
    __slots__ = ("labels", "probability", "best_classes_agree")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    BEST_CLASSES_AGREE_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.ScalarMap[str, str]
    probability: float
    best_classes_agree: bool
    def __init__(self, labels: _Optional[_Mapping[str, str]] = ..., probability: _Optional[float] = ..., best_classes_agree: _Optional[bool] = ...) -> None: ...

class NotPorcelain(_message.Message):
    __slots__ = ("score", "threshold", "not_porcelain", "false_alarms", "objects")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    NOT_PORCELAIN_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARMS_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    score: float
    threshold: float
    not_porcelain: bool
    false_alarms: float
    objects: int
    def __init__(self, score: _Optional[float] = ..., threshold: _Optional[float] = ..., not_porcelain: _Optional[bool] = ..., false_alarms: _Optional[float] = ..., objects: _Optional[int] = ...) -> None: ...

class Neighbour(_message.Message):
    __slots__ = ("image", "object_id", "labels", "distance", "source", "licence", "credit_line", "object_url")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_LINE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_URL_FIELD_NUMBER: _ClassVar[int]
    image: str
    object_id: str
    labels: _containers.ScalarMap[str, str]
    distance: float
    source: str
    licence: str
    credit_line: str
    object_url: str
    def __init__(self, image: _Optional[str] = ..., object_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., distance: _Optional[float] = ..., source: _Optional[str] = ..., licence: _Optional[str] = ..., credit_line: _Optional[str] = ..., object_url: _Optional[str] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("queue_ms", "decode_ms", "network_ms", "answer_ms")
    QUEUE_MS_FIELD_NUMBER: _ClassVar[int]
    DECODE_MS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_MS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_MS_FIELD_NUMBER: _ClassVar[int]
    queue_ms: float
    decode_ms: float
    network_ms: float
    answer_ms: float
    def __init__(self, queue_ms: _Optional[float] = ..., decode_ms: _Optional[float] = ..., network_ms: _Optional[float] = ..., answer_ms: _Optional[float] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("model_id", "predictions", "combination", "not_porcelain", "neighbours", "preprocessing_sha256", "timing", "notes")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    COMBINATION_FIELD_NUMBER: _ClassVar[int]
    NOT_PORCELAIN_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_SHA256_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    predictions: _containers.RepeatedCompositeFieldContainer[TaskPrediction]
    combination: JointCombination
    not_porcelain: NotPorcelain
    neighbours: _containers.RepeatedCompositeFieldContainer[Neighbour]
    preprocessing_sha256: str
    timing: Timing
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model_id: _Optional[str] = ..., predictions: _Optional[_Iterable[_Union[TaskPrediction, _Mapping]]] = ..., combination: _Optional[_Union[JointCombination, _Mapping]] = ..., not_porcelain: _Optional[_Union[NotPorcelain, _Mapping]] = ..., neighbours: _Optional[_Iterable[_Union[Neighbour, _Mapping]]] = ..., preprocessing_sha256: _Optional[str] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ClassifyBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ClassifyRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ClassifyRequest, _Mapping]]] = ...) -> None: ...

class ClassifyBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ClassifyResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ClassifyResult, _Mapping]]] = ...) -> None: ...

class ClassifyStreamRequest(_message.Message):
    __slots__ = ("id", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: str
    request: ClassifyRequest
    def __init__(self, id: _Optional[str] = ..., request: _Optional[_Union[ClassifyRequest, _Mapping]] = ...) -> None: ...

class ClassifyStreamResponse(_message.Message):
    __slots__ = ("id", "result")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    id: str
    result: ClassifyResult
    def __init__(self, id: _Optional[str] = ..., result: _Optional[_Union[ClassifyResult, _Mapping]] = ...) -> None: ...

class ClassifyResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: ClassifyResponse
    error: ClassifyError
    def __init__(self, response: _Optional[_Union[ClassifyResponse, _Mapping]] = ..., error: _Optional[_Union[ClassifyError, _Mapping]] = ...) -> None: ...

class ClassifyError(_message.Message):
    __slots__ = ("code", "message", "retry_after_seconds")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    retry_after_seconds: float
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., retry_after_seconds: _Optional[float] = ...) -> None: ...

class ActivateModelRequest(_message.Message):
    __slots__ = ("bundle",)
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    bundle: _common_pb2.ObjectRef
    def __init__(self, bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class ActivateModelResponse(_message.Message):
    __slots__ = ("model_id",)
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    def __init__(self, model_id: _Optional[str] = ...) -> None: ...

class DescribeModelRequest(_message.Message):
    __slots__ = ("model_id",)
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    def __init__(self, model_id: _Optional[str] = ...) -> None: ...

class DescribeModelResponse(_message.Message):
    __slots__ = ("model_id", "bundle", "tasks", "image_size_px", "annotations", "problem", "previous_model_id", "state", "architecture", "initial_weights", "size_bytes", "preprocessing_sha256", "provider", "precision", "metrics", "training", "warnings", "not_answered", "not_porcelain", "neighbours", "notes")
    class AnnotationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    INITIAL_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_SHA256_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    NOT_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    NOT_PORCELAIN_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    bundle: _common_pb2.ObjectRef
    tasks: _containers.RepeatedCompositeFieldContainer[TaskDescription]
    image_size_px: int
    annotations: _containers.ScalarMap[str, str]
    problem: str
    previous_model_id: str
    state: ModelState
    architecture: str
    initial_weights: str
    size_bytes: int
    preprocessing_sha256: str
    provider: str
    precision: str
    metrics: _struct_pb2.Struct
    training: _struct_pb2.Struct
    warnings: _containers.RepeatedScalarFieldContainer[str]
    not_answered: _containers.RepeatedScalarFieldContainer[str]
    not_porcelain: NoveltyDescription
    neighbours: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model_id: _Optional[str] = ..., bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[TaskDescription, _Mapping]]] = ..., image_size_px: _Optional[int] = ..., annotations: _Optional[_Mapping[str, str]] = ..., problem: _Optional[str] = ..., previous_model_id: _Optional[str] = ..., state: _Optional[_Union[ModelState, str]] = ..., architecture: _Optional[str] = ..., initial_weights: _Optional[str] = ..., size_bytes: _Optional[int] = ..., preprocessing_sha256: _Optional[str] = ..., provider: _Optional[str] = ..., precision: _Optional[str] = ..., metrics: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., training: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., not_answered: _Optional[_Iterable[str]] = ..., not_porcelain: _Optional[_Union[NoveltyDescription, _Mapping]] = ..., neighbours: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class TaskDescription(_message.Message):
    __slots__ = ("task", "codes", "classes", "calibrated", "temperature", "calibration_objects", "expected_calibration_error", "brier", "prediction_sets")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    BRIER_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SETS_FIELD_NUMBER: _ClassVar[int]
    task: str
    codes: _containers.RepeatedScalarFieldContainer[str]
    classes: _containers.RepeatedCompositeFieldContainer[ClassDescription]
    calibrated: bool
    temperature: float
    calibration_objects: int
    expected_calibration_error: float
    brier: float
    prediction_sets: _containers.RepeatedCompositeFieldContainer[SetDescription]
    def __init__(self, task: _Optional[str] = ..., codes: _Optional[_Iterable[str]] = ..., classes: _Optional[_Iterable[_Union[ClassDescription, _Mapping]]] = ..., calibrated: _Optional[bool] = ..., temperature: _Optional[float] = ..., calibration_objects: _Optional[int] = ..., expected_calibration_error: _Optional[float] = ..., brier: _Optional[float] = ..., prediction_sets: _Optional[_Iterable[_Union[SetDescription, _Mapping]]] = ...) -> None: ...

class ClassDescription(_message.Message):
    __slots__ = ("code", "name", "name_zh_hans", "name_zh_hant")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_HANS_FIELD_NUMBER: _ClassVar[int]
    NAME_ZH_HANT_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    name_zh_hans: str
    name_zh_hant: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., name_zh_hans: _Optional[str] = ..., name_zh_hant: _Optional[str] = ...) -> None: ...

class SetDescription(_message.Message):
    __slots__ = ("kind", "coverage", "coverage_sd", "objects", "mean_size")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_SD_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    MEAN_SIZE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    coverage: float
    coverage_sd: float
    objects: int
    mean_size: float
    def __init__(self, kind: _Optional[str] = ..., coverage: _Optional[float] = ..., coverage_sd: _Optional[float] = ..., objects: _Optional[int] = ..., mean_size: _Optional[float] = ...) -> None: ...

class NoveltyDescription(_message.Message):
    __slots__ = ("threshold", "false_alarms", "objects")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARMS_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    false_alarms: float
    objects: int
    def __init__(self, threshold: _Optional[float] = ..., false_alarms: _Optional[float] = ..., objects: _Optional[int] = ...) -> None: ...

class ClassifierServiceListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClassifierServiceListModelsResponse(_message.Message):
    __slots__ = ("models", "problem")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelSummary]
    problem: str
    def __init__(self, models: _Optional[_Iterable[_Union[ModelSummary, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class ModelSummary(_message.Message):
    __slots__ = ("model_id", "bundle", "state", "architecture", "tasks", "validation_macro_f1", "annotations", "size_bytes", "problem")
    class AnnotationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    bundle: _common_pb2.ObjectRef
    state: ModelState
    architecture: str
    tasks: _containers.RepeatedScalarFieldContainer[str]
    validation_macro_f1: float
    annotations: _containers.ScalarMap[str, str]
    size_bytes: int
    problem: str
    def __init__(self, model_id: _Optional[str] = ..., bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., state: _Optional[_Union[ModelState, str]] = ..., architecture: _Optional[str] = ..., tasks: _Optional[_Iterable[str]] = ..., validation_macro_f1: _Optional[float] = ..., annotations: _Optional[_Mapping[str, str]] = ..., size_bytes: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...
