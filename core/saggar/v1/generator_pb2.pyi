from saggar.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResolveBaseModelRequest(_message.Message):
    __slots__ = ("base_model", "control_net_path")
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTROL_NET_PATH_FIELD_NUMBER: _ClassVar[int]
    base_model: str
    control_net_path: str
    def __init__(self, base_model: _Optional[str] = ..., control_net_path: _Optional[str] = ...) -> None: ...

class ResolveBaseModelResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: ResolveBaseModelResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[ResolveBaseModelResult, _Mapping]] = ...) -> None: ...

class ResolveBaseModelResult(_message.Message):
    __slots__ = ("content_hash", "configuration_hash", "control_net_hash")
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_HASH_FIELD_NUMBER: _ClassVar[int]
    CONTROL_NET_HASH_FIELD_NUMBER: _ClassVar[int]
    content_hash: str
    configuration_hash: str
    control_net_hash: str
    def __init__(self, content_hash: _Optional[str] = ..., configuration_hash: _Optional[str] = ..., control_net_hash: _Optional[str] = ...) -> None: ...

class AdapterSettings(_message.Message):
    __slots__ = ("rank", "alpha", "steps", "batch_size", "learning_rate", "resolution_px", "seed", "checkpoint_every_steps", "clip_skip", "min_snr_gamma", "unet_targets", "train_text_encoder", "text_encoder_learning_rate", "optimizer", "learning_rate_schedule", "warm_up_steps", "gradient_accumulation_steps", "gradient_checkpointing", "noise_offset", "caption_dropout", "validation_share", "validation_every_steps", "preview_every_steps", "preview_prompts", "caption_template", "licence", "framing", "prior_weight", "prior_images", "prior_prompts", "keep_every_steps", "learnt_phrases", "vectors_per_word", "word_learning_rate")
    class LearntPhrasesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RANK_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_PX_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    CLIP_SKIP_FIELD_NUMBER: _ClassVar[int]
    MIN_SNR_GAMMA_FIELD_NUMBER: _ClassVar[int]
    UNET_TARGETS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_TEXT_ENCODER_FIELD_NUMBER: _ClassVar[int]
    TEXT_ENCODER_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_STEPS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_ACCUMULATION_STEPS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CHECKPOINTING_FIELD_NUMBER: _ClassVar[int]
    NOISE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CAPTION_DROPOUT_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SHARE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    CAPTION_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    FRAMING_FIELD_NUMBER: _ClassVar[int]
    PRIOR_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    PRIOR_IMAGES_FIELD_NUMBER: _ClassVar[int]
    PRIOR_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    KEEP_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    LEARNT_PHRASES_FIELD_NUMBER: _ClassVar[int]
    VECTORS_PER_WORD_FIELD_NUMBER: _ClassVar[int]
    WORD_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    rank: int
    alpha: int
    steps: int
    batch_size: int
    learning_rate: float
    resolution_px: int
    seed: int
    checkpoint_every_steps: int
    clip_skip: int
    min_snr_gamma: float
    unet_targets: _containers.RepeatedScalarFieldContainer[str]
    train_text_encoder: bool
    text_encoder_learning_rate: float
    optimizer: str
    learning_rate_schedule: str
    warm_up_steps: int
    gradient_accumulation_steps: int
    gradient_checkpointing: bool
    noise_offset: float
    caption_dropout: float
    validation_share: float
    validation_every_steps: int
    preview_every_steps: int
    preview_prompts: _containers.RepeatedScalarFieldContainer[str]
    caption_template: str
    licence: str
    framing: str
    prior_weight: float
    prior_images: int
    prior_prompts: _containers.RepeatedScalarFieldContainer[str]
    keep_every_steps: int
    learnt_phrases: _containers.ScalarMap[str, str]
    vectors_per_word: int
    word_learning_rate: float
    def __init__(self, rank: _Optional[int] = ..., alpha: _Optional[int] = ..., steps: _Optional[int] = ..., batch_size: _Optional[int] = ..., learning_rate: _Optional[float] = ..., resolution_px: _Optional[int] = ..., seed: _Optional[int] = ..., checkpoint_every_steps: _Optional[int] = ..., clip_skip: _Optional[int] = ..., min_snr_gamma: _Optional[float] = ..., unet_targets: _Optional[_Iterable[str]] = ..., train_text_encoder: _Optional[bool] = ..., text_encoder_learning_rate: _Optional[float] = ..., optimizer: _Optional[str] = ..., learning_rate_schedule: _Optional[str] = ..., warm_up_steps: _Optional[int] = ..., gradient_accumulation_steps: _Optional[int] = ..., gradient_checkpointing: _Optional[bool] = ..., noise_offset: _Optional[float] = ..., caption_dropout: _Optional[float] = ..., validation_share: _Optional[float] = ..., validation_every_steps: _Optional[int] = ..., preview_every_steps: _Optional[int] = ..., preview_prompts: _Optional[_Iterable[str]] = ..., caption_template: _Optional[str] = ..., licence: _Optional[str] = ..., framing: _Optional[str] = ..., prior_weight: _Optional[float] = ..., prior_images: _Optional[int] = ..., prior_prompts: _Optional[_Iterable[str]] = ..., keep_every_steps: _Optional[int] = ..., learnt_phrases: _Optional[_Mapping[str, str]] = ..., vectors_per_word: _Optional[int] = ..., word_learning_rate: _Optional[float] = ...) -> None: ...

class TrainAdapterRequest(_message.Message):
    __slots__ = ("request_id", "base_model", "manifest", "settings", "fresh")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    base_model: str
    manifest: _common_pb2.ObjectRef
    settings: AdapterSettings
    fresh: str
    def __init__(self, request_id: _Optional[str] = ..., base_model: _Optional[str] = ..., manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., settings: _Optional[_Union[AdapterSettings, _Mapping]] = ..., fresh: _Optional[str] = ...) -> None: ...

class TrainAdapterResponse(_message.Message):
    __slots__ = ("progress", "result", "preview")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: TrainAdapterResult
    preview: AdapterPreview
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[TrainAdapterResult, _Mapping]] = ..., preview: _Optional[_Union[AdapterPreview, _Mapping]] = ...) -> None: ...

class AdapterPreview(_message.Message):
    __slots__ = ("step", "prompt", "image")
    STEP_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    step: int
    prompt: str
    image: _common_pb2.ObjectRef
    def __init__(self, step: _Optional[int] = ..., prompt: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class TrainAdapterResult(_message.Message):
    __slots__ = ("adapter", "weights", "final_loss", "steps", "kohya_weights", "curve", "validation_loss", "kept")
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    FINAL_LOSS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    KOHYA_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    adapter: _common_pb2.ObjectRef
    weights: _common_pb2.ObjectRef
    final_loss: float
    steps: int
    kohya_weights: _common_pb2.ObjectRef
    curve: _common_pb2.ObjectRef
    validation_loss: float
    kept: _containers.RepeatedCompositeFieldContainer[KeptAdapter]
    def __init__(self, adapter: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., weights: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., final_loss: _Optional[float] = ..., steps: _Optional[int] = ..., kohya_weights: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., curve: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., validation_loss: _Optional[float] = ..., kept: _Optional[_Iterable[_Union[KeptAdapter, _Mapping]]] = ...) -> None: ...

class KeptAdapter(_message.Message):
    __slots__ = ("step", "adapter", "weights")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    step: int
    adapter: _common_pb2.ObjectRef
    weights: _common_pb2.ObjectRef
    def __init__(self, step: _Optional[int] = ..., adapter: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., weights: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class ImportAdapterRequest(_message.Message):
    __slots__ = ("base_model", "path", "object", "licence")
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    base_model: str
    path: str
    object: _common_pb2.ObjectRef
    licence: str
    def __init__(self, base_model: _Optional[str] = ..., path: _Optional[str] = ..., object: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., licence: _Optional[str] = ...) -> None: ...

class ImportAdapterResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: ImportAdapterResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[ImportAdapterResult, _Mapping]] = ...) -> None: ...

class ImportAdapterResult(_message.Message):
    __slots__ = ("adapter", "weights", "kohya_weights", "unet_layers", "text_encoder_layers", "warnings")
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    KOHYA_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    UNET_LAYERS_FIELD_NUMBER: _ClassVar[int]
    TEXT_ENCODER_LAYERS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    adapter: _common_pb2.ObjectRef
    weights: _common_pb2.ObjectRef
    kohya_weights: _common_pb2.ObjectRef
    unet_layers: int
    text_encoder_layers: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, adapter: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., weights: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., kohya_weights: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., unet_layers: _Optional[int] = ..., text_encoder_layers: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class GenerationSettings(_message.Message):
    __slots__ = ("steps", "guidance_scale", "clip_skip", "scheduler", "width_px", "height_px", "batch_size", "guidance_scale_to")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    CLIP_SKIP_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_TO_FIELD_NUMBER: _ClassVar[int]
    steps: int
    guidance_scale: float
    clip_skip: int
    scheduler: str
    width_px: int
    height_px: int
    batch_size: int
    guidance_scale_to: float
    def __init__(self, steps: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., clip_skip: _Optional[int] = ..., scheduler: _Optional[str] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., batch_size: _Optional[int] = ..., guidance_scale_to: _Optional[float] = ...) -> None: ...

class PromptItem(_message.Message):
    __slots__ = ("prompt_id", "prompt", "negative_prompt", "seed", "start", "transfer", "control_photograph")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    CONTROL_PHOTOGRAPH_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    prompt: str
    negative_prompt: str
    seed: int
    start: StartImage
    transfer: GlazeTransfer
    control_photograph: _common_pb2.ObjectRef
    def __init__(self, prompt_id: _Optional[str] = ..., prompt: _Optional[str] = ..., negative_prompt: _Optional[str] = ..., seed: _Optional[int] = ..., start: _Optional[_Union[StartImage, _Mapping]] = ..., transfer: _Optional[_Union[GlazeTransfer, _Mapping]] = ..., control_photograph: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ...) -> None: ...

class GlazeTransfer(_message.Message):
    __slots__ = ("forms", "glazes")
    FORMS_FIELD_NUMBER: _ClassVar[int]
    GLAZES_FIELD_NUMBER: _ClassVar[int]
    forms: _containers.RepeatedCompositeFieldContainer[_common_pb2.ObjectRef]
    glazes: _containers.RepeatedCompositeFieldContainer[_common_pb2.ObjectRef]
    def __init__(self, forms: _Optional[_Iterable[_Union[_common_pb2.ObjectRef, _Mapping]]] = ..., glazes: _Optional[_Iterable[_Union[_common_pb2.ObjectRef, _Mapping]]] = ...) -> None: ...

class StartImage(_message.Message):
    __slots__ = ("image", "strength", "framing")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    FRAMING_FIELD_NUMBER: _ClassVar[int]
    image: _common_pb2.ObjectRef
    strength: float
    framing: str
    def __init__(self, image: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., strength: _Optional[float] = ..., framing: _Optional[str] = ...) -> None: ...

class ControlNet(_message.Message):
    __slots__ = ("path", "condition", "scale", "begin", "end", "framing")
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    FRAMING_FIELD_NUMBER: _ClassVar[int]
    path: str
    condition: str
    scale: float
    begin: float
    end: float
    framing: str
    def __init__(self, path: _Optional[str] = ..., condition: _Optional[str] = ..., scale: _Optional[float] = ..., begin: _Optional[float] = ..., end: _Optional[float] = ..., framing: _Optional[str] = ...) -> None: ...

class AdapterUse(_message.Message):
    __slots__ = ("name", "adapter", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    adapter: _common_pb2.ObjectRef
    weight: float
    def __init__(self, name: _Optional[str] = ..., adapter: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., weight: _Optional[float] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("request_id", "base_model", "adapters", "prompts", "settings", "fresh", "control_net")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    CONTROL_NET_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    base_model: str
    adapters: _containers.RepeatedCompositeFieldContainer[AdapterUse]
    prompts: _containers.RepeatedCompositeFieldContainer[PromptItem]
    settings: GenerationSettings
    fresh: str
    control_net: ControlNet
    def __init__(self, request_id: _Optional[str] = ..., base_model: _Optional[str] = ..., adapters: _Optional[_Iterable[_Union[AdapterUse, _Mapping]]] = ..., prompts: _Optional[_Iterable[_Union[PromptItem, _Mapping]]] = ..., settings: _Optional[_Union[GenerationSettings, _Mapping]] = ..., fresh: _Optional[str] = ..., control_net: _Optional[_Union[ControlNet, _Mapping]] = ...) -> None: ...

class GeneratedImage(_message.Message):
    __slots__ = ("prompt_id", "image", "seed", "reused", "truncated_tokens", "made_from")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MADE_FROM_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    image: _common_pb2.ObjectRef
    seed: int
    reused: bool
    truncated_tokens: int
    made_from: str
    def __init__(self, prompt_id: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., seed: _Optional[int] = ..., reused: _Optional[bool] = ..., truncated_tokens: _Optional[int] = ..., made_from: _Optional[str] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("progress", "image", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    image: GeneratedImage
    result: GenerateResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., image: _Optional[_Union[GeneratedImage, _Mapping]] = ..., result: _Optional[_Union[GenerateResult, _Mapping]] = ...) -> None: ...

class GenerateResult(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[GeneratedImage]
    def __init__(self, images: _Optional[_Iterable[_Union[GeneratedImage, _Mapping]]] = ...) -> None: ...

class DescribeGeneratorRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeGeneratorResponse(_message.Message):
    __slots__ = ("device", "loaded_base_model", "jobs_running", "jobs_waiting", "queue_limit", "precision", "memory")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LOADED_BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    JOBS_RUNNING_FIELD_NUMBER: _ClassVar[int]
    JOBS_WAITING_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    device: str
    loaded_base_model: str
    jobs_running: int
    jobs_waiting: int
    queue_limit: int
    precision: str
    memory: str
    def __init__(self, device: _Optional[str] = ..., loaded_base_model: _Optional[str] = ..., jobs_running: _Optional[int] = ..., jobs_waiting: _Optional[int] = ..., queue_limit: _Optional[int] = ..., precision: _Optional[str] = ..., memory: _Optional[str] = ...) -> None: ...
