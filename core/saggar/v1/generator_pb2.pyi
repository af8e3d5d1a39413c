from saggar.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResolveBaseModelRequest(_message.Message):
    __slots__ = ("base_model",)
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    base_model: str
    def __init__(self, base_model: _Optional[str] = ...) -> None: ...

class ResolveBaseModelResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: ResolveBaseModelResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[ResolveBaseModelResult, _Mapping]] = ...) -> None: ...

class ResolveBaseModelResult(_message.Message):
    __slots__ = ("content_hash",)
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    content_hash: str
    def __init__(self, content_hash: _Optional[str] = ...) -> None: ...

class AdapterSettings(_message.Message):
    __slots__ = ("rank", "alpha", "steps", "batch_size", "learning_rate", "resolution_px", "seed", "checkpoint_every_steps", "clip_skip", "min_snr_gamma")
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
    def __init__(self, rank: _Optional[int] = ..., alpha: _Optional[int] = ..., steps: _Optional[int] = ..., batch_size: _Optional[int] = ..., learning_rate: _Optional[float] = ..., resolution_px: _Optional[int] = ..., seed: _Optional[int] = ..., checkpoint_every_steps: _Optional[int] = ..., clip_skip: _Optional[int] = ..., min_snr_gamma: _Optional[float] = ...) -> None: ...

class TrainAdapterRequest(_message.Message):
    __slots__ = ("request_id", "base_model", "manifest", "settings")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    base_model: str
    manifest: _common_pb2.ObjectRef
    settings: AdapterSettings
    def __init__(self, request_id: _Optional[str] = ..., base_model: _Optional[str] = ..., manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., settings: _Optional[_Union[AdapterSettings, _Mapping]] = ...) -> None: ...

class TrainAdapterResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: TrainAdapterResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[TrainAdapterResult, _Mapping]] = ...) -> None: ...

class TrainAdapterResult(_message.Message):
    __slots__ = ("adapter", "weights", "final_loss", "steps")
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    FINAL_LOSS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    adapter: _common_pb2.ObjectRef
    weights: _common_pb2.ObjectRef
    final_loss: float
    steps: int
    def __init__(self, adapter: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., weights: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., final_loss: _Optional[float] = ..., steps: _Optional[int] = ...) -> None: ...

class GenerationSettings(_message.Message):
    __slots__ = ("steps", "guidance_scale", "clip_skip", "scheduler", "width_px", "height_px", "adapter_weight", "batch_size")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    CLIP_SKIP_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    steps: int
    guidance_scale: float
    clip_skip: int
    scheduler: str
    width_px: int
    height_px: int
    adapter_weight: float
    batch_size: int
    def __init__(self, steps: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., clip_skip: _Optional[int] = ..., scheduler: _Optional[str] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., adapter_weight: _Optional[float] = ..., batch_size: _Optional[int] = ...) -> None: ...

class PromptItem(_message.Message):
    __slots__ = ("prompt_id", "prompt", "negative_prompt", "seed")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    prompt: str
    negative_prompt: str
    seed: int
    def __init__(self, prompt_id: _Optional[str] = ..., prompt: _Optional[str] = ..., negative_prompt: _Optional[str] = ..., seed: _Optional[int] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("request_id", "base_model", "adapter", "prompts", "settings")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    base_model: str
    adapter: _common_pb2.ObjectRef
    prompts: _containers.RepeatedCompositeFieldContainer[PromptItem]
    settings: GenerationSettings
    def __init__(self, request_id: _Optional[str] = ..., base_model: _Optional[str] = ..., adapter: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., prompts: _Optional[_Iterable[_Union[PromptItem, _Mapping]]] = ..., settings: _Optional[_Union[GenerationSettings, _Mapping]] = ...) -> None: ...

class GeneratedImage(_message.Message):
    __slots__ = ("prompt_id", "image", "seed", "reused", "truncated_tokens")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    image: _common_pb2.ObjectRef
    seed: int
    reused: bool
    truncated_tokens: int
    def __init__(self, prompt_id: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., seed: _Optional[int] = ..., reused: _Optional[bool] = ..., truncated_tokens: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("device", "loaded_base_model", "jobs_running", "jobs_waiting", "queue_limit")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LOADED_BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    JOBS_RUNNING_FIELD_NUMBER: _ClassVar[int]
    JOBS_WAITING_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    device: str
    loaded_base_model: str
    jobs_running: int
    jobs_waiting: int
    queue_limit: int
    def __init__(self, device: _Optional[str] = ..., loaded_base_model: _Optional[str] = ..., jobs_running: _Optional[int] = ..., jobs_waiting: _Optional[int] = ..., queue_limit: _Optional[int] = ...) -> None: ...
