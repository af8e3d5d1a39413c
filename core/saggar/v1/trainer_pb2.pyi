from saggar.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InitialWeights(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INITIAL_WEIGHTS_UNSPECIFIED: _ClassVar[InitialWeights]
    INITIAL_WEIGHTS_IMAGENET: _ClassVar[InitialWeights]
    INITIAL_WEIGHTS_FILE: _ClassVar[InitialWeights]
    INITIAL_WEIGHTS_RANDOM: _ClassVar[InitialWeights]
INITIAL_WEIGHTS_UNSPECIFIED: InitialWeights
INITIAL_WEIGHTS_IMAGENET: InitialWeights
INITIAL_WEIGHTS_FILE: InitialWeights
INITIAL_WEIGHTS_RANDOM: InitialWeights

class TrainingSettings(_message.Message):
    __slots__ = ("architecture", "initial_weights", "initial_weights_path", "image_size_px", "batch_size", "max_epochs", "patience_epochs", "backbone_learning_rate", "head_learning_rate", "weight_decay", "dropout", "gradient_clip_norm", "class_weight_beta", "class_weight_cap", "sampler_task", "task_weights", "seed", "projection", "cosine_schedule", "balance_from_real_only", "synthetic_task_weights", "sampler", "sampler_tasks", "sampler_power", "mix_batches", "steps_per_epoch", "logit_adjustment", "logit_adjustment_tau", "warm_up_epochs", "label_smoothing", "mixup", "hue_jitter", "random_downscale", "framing", "weight_averaging", "ema_decay", "synthetic_loss_weight", "curriculum", "real_only_last_epochs", "batch_norm", "retrain_heads", "neighbours", "reduced_precision", "head_fit", "head_shrinkage", "validation_teaches_heads", "ensemble")
    class TaskWeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class SyntheticTaskWeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    INITIAL_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_WEIGHTS_PATH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    HEAD_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CLIP_NORM_FIELD_NUMBER: _ClassVar[int]
    CLASS_WEIGHT_BETA_FIELD_NUMBER: _ClassVar[int]
    CLASS_WEIGHT_CAP_FIELD_NUMBER: _ClassVar[int]
    SAMPLER_TASK_FIELD_NUMBER: _ClassVar[int]
    TASK_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_FIELD_NUMBER: _ClassVar[int]
    COSINE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FROM_REAL_ONLY_FIELD_NUMBER: _ClassVar[int]
    SYNTHETIC_TASK_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLER_FIELD_NUMBER: _ClassVar[int]
    SAMPLER_TASKS_FIELD_NUMBER: _ClassVar[int]
    SAMPLER_POWER_FIELD_NUMBER: _ClassVar[int]
    MIX_BATCHES_FIELD_NUMBER: _ClassVar[int]
    STEPS_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOGIT_ADJUSTMENT_FIELD_NUMBER: _ClassVar[int]
    LOGIT_ADJUSTMENT_TAU_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    MIXUP_FIELD_NUMBER: _ClassVar[int]
    HUE_JITTER_FIELD_NUMBER: _ClassVar[int]
    RANDOM_DOWNSCALE_FIELD_NUMBER: _ClassVar[int]
    FRAMING_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_AVERAGING_FIELD_NUMBER: _ClassVar[int]
    EMA_DECAY_FIELD_NUMBER: _ClassVar[int]
    SYNTHETIC_LOSS_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CURRICULUM_FIELD_NUMBER: _ClassVar[int]
    REAL_ONLY_LAST_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_FIELD_NUMBER: _ClassVar[int]
    RETRAIN_HEADS_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    REDUCED_PRECISION_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIT_FIELD_NUMBER: _ClassVar[int]
    HEAD_SHRINKAGE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_TEACHES_HEADS_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    initial_weights: InitialWeights
    initial_weights_path: str
    image_size_px: int
    batch_size: int
    max_epochs: int
    patience_epochs: int
    backbone_learning_rate: float
    head_learning_rate: float
    weight_decay: float
    dropout: float
    gradient_clip_norm: float
    class_weight_beta: float
    class_weight_cap: float
    sampler_task: str
    task_weights: _containers.ScalarMap[str, float]
    seed: int
    projection: bool
    cosine_schedule: bool
    balance_from_real_only: bool
    synthetic_task_weights: _containers.ScalarMap[str, float]
    sampler: str
    sampler_tasks: _containers.RepeatedScalarFieldContainer[str]
    sampler_power: float
    mix_batches: bool
    steps_per_epoch: int
    logit_adjustment: str
    logit_adjustment_tau: float
    warm_up_epochs: float
    label_smoothing: float
    mixup: float
    hue_jitter: float
    random_downscale: float
    framing: str
    weight_averaging: str
    ema_decay: float
    synthetic_loss_weight: float
    curriculum: str
    real_only_last_epochs: int
    batch_norm: str
    retrain_heads: str
    neighbours: str
    reduced_precision: str
    head_fit: str
    head_shrinkage: float
    validation_teaches_heads: bool
    ensemble: int
    def __init__(self, architecture: _Optional[str] = ..., initial_weights: _Optional[_Union[InitialWeights, str]] = ..., initial_weights_path: _Optional[str] = ..., image_size_px: _Optional[int] = ..., batch_size: _Optional[int] = ..., max_epochs: _Optional[int] = ..., patience_epochs: _Optional[int] = ..., backbone_learning_rate: _Optional[float] = ..., head_learning_rate: _Optional[float] = ..., weight_decay: _Optional[float] = ..., dropout: _Optional[float] = ..., gradient_clip_norm: _Optional[float] = ..., class_weight_beta: _Optional[float] = ..., class_weight_cap: _Optional[float] = ..., sampler_task: _Optional[str] = ..., task_weights: _Optional[_Mapping[str, float]] = ..., seed: _Optional[int] = ..., projection: _Optional[bool] = ..., cosine_schedule: _Optional[bool] = ..., balance_from_real_only: _Optional[bool] = ..., synthetic_task_weights: _Optional[_Mapping[str, float]] = ..., sampler: _Optional[str] = ..., sampler_tasks: _Optional[_Iterable[str]] = ..., sampler_power: _Optional[float] = ..., mix_batches: _Optional[bool] = ..., steps_per_epoch: _Optional[int] = ..., logit_adjustment: _Optional[str] = ..., logit_adjustment_tau: _Optional[float] = ..., warm_up_epochs: _Optional[float] = ..., label_smoothing: _Optional[float] = ..., mixup: _Optional[float] = ..., hue_jitter: _Optional[float] = ..., random_downscale: _Optional[float] = ..., framing: _Optional[str] = ..., weight_averaging: _Optional[str] = ..., ema_decay: _Optional[float] = ..., synthetic_loss_weight: _Optional[float] = ..., curriculum: _Optional[str] = ..., real_only_last_epochs: _Optional[int] = ..., batch_norm: _Optional[str] = ..., retrain_heads: _Optional[str] = ..., neighbours: _Optional[str] = ..., reduced_precision: _Optional[str] = ..., head_fit: _Optional[str] = ..., head_shrinkage: _Optional[float] = ..., validation_teaches_heads: _Optional[bool] = ..., ensemble: _Optional[int] = ...) -> None: ...

class TrainRequest(_message.Message):
    __slots__ = ("request_id", "manifest", "taxonomy", "settings", "annotations", "fresh")
    class AnnotationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    TAXONOMY_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    manifest: _common_pb2.ObjectRef
    taxonomy: _common_pb2.ObjectRef
    settings: TrainingSettings
    annotations: _containers.ScalarMap[str, str]
    fresh: str
    def __init__(self, request_id: _Optional[str] = ..., manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., taxonomy: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., settings: _Optional[_Union[TrainingSettings, _Mapping]] = ..., annotations: _Optional[_Mapping[str, str]] = ..., fresh: _Optional[str] = ...) -> None: ...

class EpochMetrics(_message.Message):
    __slots__ = ("epoch", "training_loss", "validation_loss", "validation_macro_f1", "validation_macro_f1_by_task", "seconds", "best", "training_loss_by_task")
    class ValidationMacroF1ByTaskEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class TrainingLossByTaskEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TRAINING_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_MACRO_F1_BY_TASK_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    TRAINING_LOSS_BY_TASK_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    training_loss: float
    validation_loss: float
    validation_macro_f1: float
    validation_macro_f1_by_task: _containers.ScalarMap[str, float]
    seconds: float
    best: bool
    training_loss_by_task: _containers.ScalarMap[str, float]
    def __init__(self, epoch: _Optional[int] = ..., training_loss: _Optional[float] = ..., validation_loss: _Optional[float] = ..., validation_macro_f1: _Optional[float] = ..., validation_macro_f1_by_task: _Optional[_Mapping[str, float]] = ..., seconds: _Optional[float] = ..., best: _Optional[bool] = ..., training_loss_by_task: _Optional[_Mapping[str, float]] = ...) -> None: ...

class TrainResponse(_message.Message):
    __slots__ = ("progress", "epoch", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    epoch: EpochMetrics
    result: TrainResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., epoch: _Optional[_Union[EpochMetrics, _Mapping]] = ..., result: _Optional[_Union[TrainResult, _Mapping]] = ...) -> None: ...

class TrainResult(_message.Message):
    __slots__ = ("bundle", "history", "best_epoch", "validation_macro_f1", "warnings", "made_with")
    class MadeWithEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    BEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    MADE_WITH_FIELD_NUMBER: _ClassVar[int]
    bundle: _common_pb2.ObjectRef
    history: _common_pb2.ObjectRef
    best_epoch: int
    validation_macro_f1: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    made_with: _containers.ScalarMap[str, str]
    def __init__(self, bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., history: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., best_epoch: _Optional[int] = ..., validation_macro_f1: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ..., made_with: _Optional[_Mapping[str, str]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("request_id", "bundle", "manifest", "split", "fresh")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    bundle: _common_pb2.ObjectRef
    manifest: _common_pb2.ObjectRef
    split: str
    fresh: str
    def __init__(self, request_id: _Optional[str] = ..., bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., split: _Optional[str] = ..., fresh: _Optional[str] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: EvaluateResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[EvaluateResult, _Mapping]] = ...) -> None: ...

class EvaluateResult(_message.Message):
    __slots__ = ("metrics", "predictions", "mean_macro_f1", "macro_f1_by_task", "accuracy_by_task", "count")
    class MacroF1ByTaskEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class AccuracyByTaskEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    MEAN_MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    MACRO_F1_BY_TASK_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_BY_TASK_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    metrics: _common_pb2.ObjectRef
    predictions: _common_pb2.ObjectRef
    mean_macro_f1: float
    macro_f1_by_task: _containers.ScalarMap[str, float]
    accuracy_by_task: _containers.ScalarMap[str, float]
    count: int
    def __init__(self, metrics: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., predictions: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., mean_macro_f1: _Optional[float] = ..., macro_f1_by_task: _Optional[_Mapping[str, float]] = ..., accuracy_by_task: _Optional[_Mapping[str, float]] = ..., count: _Optional[int] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("bundle", "manifest")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    bundle: _common_pb2.ObjectRef
    manifest: _common_pb2.ObjectRef
    def __init__(self, bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: PredictResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[PredictResult, _Mapping]] = ...) -> None: ...

class PredictResult(_message.Message):
    __slots__ = ("predictions", "count")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    predictions: _common_pb2.ObjectRef
    count: int
    def __init__(self, predictions: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...
