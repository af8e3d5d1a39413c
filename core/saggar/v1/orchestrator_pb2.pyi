from saggar.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExperimentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPERIMENT_STATE_UNSPECIFIED: _ClassVar[ExperimentState]
    EXPERIMENT_STATE_RUNNING: _ClassVar[ExperimentState]
    EXPERIMENT_STATE_SUCCEEDED: _ClassVar[ExperimentState]
    EXPERIMENT_STATE_FAILED: _ClassVar[ExperimentState]
    EXPERIMENT_STATE_CANCELLED: _ClassVar[ExperimentState]

class StepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_STATE_UNSPECIFIED: _ClassVar[StepState]
    STEP_STATE_WAITING: _ClassVar[StepState]
    STEP_STATE_RUNNING: _ClassVar[StepState]
    STEP_STATE_SUCCEEDED: _ClassVar[StepState]
    STEP_STATE_REUSED: _ClassVar[StepState]
    STEP_STATE_FAILED: _ClassVar[StepState]
EXPERIMENT_STATE_UNSPECIFIED: ExperimentState
EXPERIMENT_STATE_RUNNING: ExperimentState
EXPERIMENT_STATE_SUCCEEDED: ExperimentState
EXPERIMENT_STATE_FAILED: ExperimentState
EXPERIMENT_STATE_CANCELLED: ExperimentState
STEP_STATE_UNSPECIFIED: StepState
STEP_STATE_WAITING: StepState
STEP_STATE_RUNNING: StepState
STEP_STATE_SUCCEEDED: StepState
STEP_STATE_REUSED: StepState
STEP_STATE_FAILED: StepState

class Step(_message.Message):
    __slots__ = ("step_id", "title", "state", "progress", "seconds", "error", "position")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    title: str
    state: StepState
    progress: _common_pb2.Progress
    seconds: float
    error: str
    position: int
    def __init__(self, step_id: _Optional[str] = ..., title: _Optional[str] = ..., state: _Optional[_Union[StepState, str]] = ..., progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., seconds: _Optional[float] = ..., error: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class Experiment(_message.Message):
    __slots__ = ("experiment_id", "name", "state", "created_at", "error", "results", "report", "error_kind", "title", "photographs", "seconds", "headline")
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    ERROR_KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPHS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    HEADLINE_FIELD_NUMBER: _ClassVar[int]
    experiment_id: str
    name: str
    state: ExperimentState
    created_at: str
    error: str
    results: _common_pb2.ObjectRef
    report: _common_pb2.ObjectRef
    error_kind: str
    title: str
    photographs: int
    seconds: float
    headline: str
    def __init__(self, experiment_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[ExperimentState, str]] = ..., created_at: _Optional[str] = ..., error: _Optional[str] = ..., results: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., report: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., error_kind: _Optional[str] = ..., title: _Optional[str] = ..., photographs: _Optional[int] = ..., seconds: _Optional[float] = ..., headline: _Optional[str] = ...) -> None: ...

class RunExperimentRequest(_message.Message):
    __slots__ = ("specification", "source_name", "base_path", "fresh")
    SPECIFICATION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    BASE_PATH_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    specification: str
    source_name: str
    base_path: str
    fresh: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, specification: _Optional[str] = ..., source_name: _Optional[str] = ..., base_path: _Optional[str] = ..., fresh: _Optional[_Iterable[str]] = ...) -> None: ...

class RunExperimentResponse(_message.Message):
    __slots__ = ("experiment", "existed")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    experiment: Experiment
    existed: bool
    def __init__(self, experiment: _Optional[_Union[Experiment, _Mapping]] = ..., existed: _Optional[bool] = ...) -> None: ...

class WatchExperimentRequest(_message.Message):
    __slots__ = ("experiment_id", "past_at_once")
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAST_AT_ONCE_FIELD_NUMBER: _ClassVar[int]
    experiment_id: str
    past_at_once: bool
    def __init__(self, experiment_id: _Optional[str] = ..., past_at_once: _Optional[bool] = ...) -> None: ...

class WatchExperimentResponse(_message.Message):
    __slots__ = ("step", "ended", "past")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    PAST_FIELD_NUMBER: _ClassVar[int]
    step: Step
    ended: Experiment
    past: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, step: _Optional[_Union[Step, _Mapping]] = ..., ended: _Optional[_Union[Experiment, _Mapping]] = ..., past: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class ListExperimentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListExperimentsResponse(_message.Message):
    __slots__ = ("experiments",)
    EXPERIMENTS_FIELD_NUMBER: _ClassVar[int]
    experiments: _containers.RepeatedCompositeFieldContainer[Experiment]
    def __init__(self, experiments: _Optional[_Iterable[_Union[Experiment, _Mapping]]] = ...) -> None: ...

class DescribeExperimentRequest(_message.Message):
    __slots__ = ("experiment_id",)
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    experiment_id: str
    def __init__(self, experiment_id: _Optional[str] = ...) -> None: ...

class DescribeExperimentResponse(_message.Message):
    __slots__ = ("experiment", "steps")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    experiment: Experiment
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, experiment: _Optional[_Union[Experiment, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class CancelExperimentRequest(_message.Message):
    __slots__ = ("experiment_id",)
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    experiment_id: str
    def __init__(self, experiment_id: _Optional[str] = ...) -> None: ...

class CancelExperimentResponse(_message.Message):
    __slots__ = ("experiment",)
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    experiment: Experiment
    def __init__(self, experiment: _Optional[_Union[Experiment, _Mapping]] = ...) -> None: ...

class ResumeExperimentRequest(_message.Message):
    __slots__ = ("experiment_id",)
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    experiment_id: str
    def __init__(self, experiment_id: _Optional[str] = ...) -> None: ...

class ResumeExperimentResponse(_message.Message):
    __slots__ = ("experiment",)
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    experiment: Experiment
    def __init__(self, experiment: _Optional[_Union[Experiment, _Mapping]] = ...) -> None: ...

class DeleteExperimentRequest(_message.Message):
    __slots__ = ("experiment_id",)
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    experiment_id: str
    def __init__(self, experiment_id: _Optional[str] = ...) -> None: ...

class DeleteExperimentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListStepResultsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListStepResultsResponse(_message.Message):
    __slots__ = ("step_id", "result_json")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    result_json: str
    def __init__(self, step_id: _Optional[str] = ..., result_json: _Optional[str] = ...) -> None: ...

class CleanStoreRequest(_message.Message):
    __slots__ = ("delete", "older_than_hours")
    DELETE_FIELD_NUMBER: _ClassVar[int]
    OLDER_THAN_HOURS_FIELD_NUMBER: _ClassVar[int]
    delete: bool
    older_than_hours: float
    def __init__(self, delete: _Optional[bool] = ..., older_than_hours: _Optional[float] = ...) -> None: ...

class CleanStoreResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: CleanStoreResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[CleanStoreResult, _Mapping]] = ...) -> None: ...

class CleanedFolder(_message.Message):
    __slots__ = ("name", "objects", "size_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    objects: int
    size_bytes: int
    def __init__(self, name: _Optional[str] = ..., objects: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class CleanStoreResult(_message.Message):
    __slots__ = ("folders", "deleted", "partial")
    FOLDERS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    folders: _containers.RepeatedCompositeFieldContainer[CleanedFolder]
    deleted: bool
    partial: bool
    def __init__(self, folders: _Optional[_Iterable[_Union[CleanedFolder, _Mapping]]] = ..., deleted: _Optional[bool] = ..., partial: _Optional[bool] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("model_id", "bundle", "experiment_id", "arm", "seed", "test_mean_macro_f1", "active", "validation_macro_f1")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TEST_MEAN_MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    bundle: _common_pb2.ObjectRef
    experiment_id: str
    arm: str
    seed: int
    test_mean_macro_f1: float
    active: bool
    validation_macro_f1: float
    def __init__(self, model_id: _Optional[str] = ..., bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., experiment_id: _Optional[str] = ..., arm: _Optional[str] = ..., seed: _Optional[int] = ..., test_mean_macro_f1: _Optional[float] = ..., active: _Optional[bool] = ..., validation_macro_f1: _Optional[float] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class ServeModelRequest(_message.Message):
    __slots__ = ("model_id",)
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    def __init__(self, model_id: _Optional[str] = ...) -> None: ...

class ServeModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Model
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...
