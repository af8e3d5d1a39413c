"""Messages of the contract to the domain's values and back. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import Message
from saggar.errors import FieldViolation, InvalidInputError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import common_pb2, generator_pb2

from saggar_generator.progress import Progress, Report
from saggar_generator.requests import (
    AdapterSettings,
    GeneratedImage,
    GenerationSettings,
    PromptItem,
    TrainedAdapter,
    Wanted,
)

# Least and greatest values.
_ADAPTER_RANGES = {
    "rank": (1, 1024),
    "alpha": (1, 4096),
    "steps": (1, 1_000_000),
    "batch_size": (1, 1024),
    "learning_rate": (1e-9, 1.0),
    "resolution_px": (8, 2048),
    "checkpoint_every_steps": (1, 1_000_000),
    "clip_skip": (0, 100),
    "min_snr_gamma": (0.0, 1000.0),
}
_GENERATION_RANGES = {
    "steps": (1, 1000),
    "guidance_scale": (0.0, 100.0),
    "clip_skip": (0, 100),
    "width_px": (8, 2048),
    "height_px": (8, 2048),
    "adapter_weight": (-10.0, 10.0),
    "batch_size": (1, 256),
}


def adapter_settings(message: generator_pb2.AdapterSettings) -> AdapterSettings:
    """Raises InvalidInputError, with a violation per field that is out of range."""
    _check_ranges(message, _ADAPTER_RANGES)
    given = {field.name: value for field, value in message.ListFields()}
    rank = given.get("rank", AdapterSettings.rank)
    return AdapterSettings(**{"alpha": rank, **given})


def generation_settings(message: generator_pb2.GenerationSettings) -> GenerationSettings:
    """Sizes of 0 are the base model's own. Raises InvalidInputError, with a violation per field that is out
    of range.
    """
    _check_ranges(message, _GENERATION_RANGES)
    given = {field.name: value for field, value in message.ListFields() if field.name != "batch_size"}
    return GenerationSettings(**given)


def prompt_items(messages: Iterable[generator_pb2.PromptItem]) -> list[PromptItem]:
    """Raises InvalidInputError when there are none, or when a prompt_id is empty or stands twice."""
    items = [PromptItem(one.prompt_id, Wanted(one.prompt, one.negative_prompt, one.seed)) for one in messages]
    violations = [] if items else [FieldViolation("prompts", "must not be empty")]
    seen: set[str] = set()
    for number, item in enumerate(items):
        field = f"prompts[{number}].prompt_id"
        if not item.prompt_id:
            violations.append(FieldViolation(field, "must not be empty"))
        elif item.prompt_id in seen:
            violations.append(FieldViolation(field, f"'{item.prompt_id}' stands twice"))
        seen.add(item.prompt_id)
    _refuse(violations)
    return items


def base_model(spec: str) -> str:
    """Raises InvalidInputError when it is empty."""
    if not spec:
        _refuse([FieldViolation("base_model", "must not be empty; give nano, a hub id or a folder")])
    return spec


def adapter_ref(request: generator_pb2.GenerateRequest) -> ObjectRef | None:
    return ref_from_proto(request.adapter, "adapter") if request.HasField("adapter") else None


def progress(value: Progress) -> common_pb2.Progress:
    return common_pb2.Progress(
        stage=value.stage,
        done=value.done,
        total=value.total,
        unit=value.unit,
        metrics=value.metrics,
        message=value.message,
    )


def reporting(emit: Callable[[Any], None]) -> Report:
    """Progress of the domain, emitted as messages."""
    return lambda value: emit(progress(value))


def trained_adapter(value: TrainedAdapter) -> generator_pb2.TrainAdapterResult:
    return generator_pb2.TrainAdapterResult(
        adapter=ref_to_proto(value.adapter),
        weights=ref_to_proto(value.weights),
        final_loss=value.final_loss,
        steps=value.steps,
    )


def generated_image(value: GeneratedImage) -> generator_pb2.GeneratedImage:
    return generator_pb2.GeneratedImage(
        prompt_id=value.prompt_id,
        image=ref_to_proto(value.image),
        seed=value.seed,
        reused=value.reused,
        truncated_tokens=value.truncated_tokens,
    )


def generate_result(images: Iterable[GeneratedImage]) -> generator_pb2.GenerateResult:
    return generator_pb2.GenerateResult(images=[generated_image(image) for image in images])


def _check_ranges(message: Message, ranges: dict[str, tuple[float, float]]) -> None:
    violations = []
    for name, (low, high) in ranges.items():
        value = getattr(message, name)
        if message.HasField(name) and not (math.isfinite(value) and low <= value <= high):
            violations.append(
                FieldViolation(f"settings.{name}", f"is {value:g}; wanted: {low:g} to {high:g}")
            )
    _refuse(violations)


def _refuse(violations: list[FieldViolation]) -> None:
    if violations:
        text = "; ".join(f"{one.field}: {one.description}" for one in violations)
        raise InvalidInputError(text, tuple(violations))
