"""Experiment settings as messages of the contract: pure conversions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from saggar.dataset.plan import PlannedImage
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy
from saggar.v1 import generator_pb2, qc_pb2, trainer_pb2
from saggar.webui.prompt_syntax import escaped

from saggar_orchestrator.experiment.file import (
    PLANNING,
    Adapter,
    Generation,
    Review,
    Screening,
    Training,
)

_INITIAL_WEIGHTS = {
    "imagenet": trainer_pb2.INITIAL_WEIGHTS_IMAGENET,
    "file": trainer_pb2.INITIAL_WEIGHTS_FILE,
    "random": trainer_pb2.INITIAL_WEIGHTS_RANDOM,
}


def training_settings(training: Training, seed: int) -> trainer_pb2.TrainingSettings:
    values = training.model_dump(exclude_none=True)
    values["initial_weights"] = _INITIAL_WEIGHTS[training.initial_weights]
    return trainer_pb2.TrainingSettings(**values, seed=seed)


def adapter_settings(adapter: Adapter, taxonomy: Taxonomy) -> generator_pb2.AdapterSettings:
    """With the template that the taxonomy makes captions from."""
    values = adapter.model_dump(exclude_none=True, exclude={"images", "selection_seed", "tasks"})
    told = taxonomy.narrowed(adapter.tasks or taxonomy.task_names)
    return generator_pb2.AdapterSettings(**values, caption_template=", ".join(told.caption))


def generation_settings(generation: Generation) -> generator_pb2.GenerationSettings:
    own = {"shard_size", "adapter_weight", "further_adapters", *PLANNING}
    values = generation.model_dump(exclude_none=True, exclude=own)
    return generator_pb2.GenerationSettings(**values)


def screen_settings(screening: Screening) -> qc_pb2.ScreenSettings:
    values = screening.model_dump(exclude_none=True, exclude={"inception_weights_path"})
    return qc_pb2.ScreenSettings(**values)


def review_settings(review: Review) -> qc_pb2.ReviewSettings:
    return qc_pb2.ReviewSettings(**review.model_dump(exclude_none=True))


def extractor(screening: Screening, baseline_bundle: ObjectRef) -> qc_pb2.FeatureExtractor:
    """Inception weights when the file names some, else the baseline classifier's backbone."""
    if screening.inception_weights_path:
        return qc_pb2.FeatureExtractor(inception_weights_path=screening.inception_weights_path)
    return qc_pb2.FeatureExtractor(bundle=ref_to_proto(baseline_bundle))


def adapter_use(adapter: ObjectRef, weight: float | None, name: str = "adapter") -> generator_pb2.AdapterUse:
    """`weight` None: the generator's default."""
    return generator_pb2.AdapterUse(name=name, adapter=ref_to_proto(adapter), weight=weight)


def prompt_items(
    planned: Sequence[PlannedImage], store: ObjectStore, strength: float | None = None
) -> list[generator_pb2.PromptItem]:
    """`strength`: of images that start from a photograph; None: the generator's default."""
    keys = {image.photograph for image in planned if image.photograph is not None}
    starts = {
        key: generator_pb2.StartImage(image=ref_to_proto(store.stat(key)), strength=strength) for key in sorted(keys)
    }
    return [
        generator_pb2.PromptItem(
            prompt_id=image.prompt_id,
            prompt=escaped(image.prompt),  # a taxonomy's brackets are words
            negative_prompt=image.negative_prompt,
            seed=image.seed,
            start=None if image.photograph is None else starts[image.photograph],
        )
        for image in planned
    ]


def as_inputs(message: Message) -> dict[str, Any]:
    """A message as plain values, for a step's hash."""
    return dict(MessageToDict(message, preserving_proto_field_name=True))
