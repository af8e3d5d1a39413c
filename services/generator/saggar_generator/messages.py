"""Messages of the contract to the domain's values and back. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from saggar.errors import FieldViolation, InvalidInputError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import common_pb2, generator_pb2
from saggar.webui.prompt_syntax import ADAPTER_NAME, parse_prompt

from saggar_generator.progress import Progress, Report
from saggar_generator.requests import (
    FRAMINGS,
    OPTIMIZERS,
    SCHEDULES,
    AdapterPreview,
    AdapterSettings,
    AdapterUse,
    GeneratedImage,
    GenerationSettings,
    ImportedAdapter,
    PromptItem,
    StartImage,
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
    "text_encoder_learning_rate": (1e-9, 1.0),
    "warm_up_steps": (0, 1_000_000),
    "gradient_accumulation_steps": (1, 1024),
    "noise_offset": (0.0, 1.0),
    "caption_dropout": (0.0, 1.0),
    "validation_share": (0.0, 0.5),
    "validation_every_steps": (1, 1_000_000),
    "preview_every_steps": (0, 1_000_000),
}
_ADAPTER_CHOICES = {"optimizer": OPTIMIZERS, "learning_rate_schedule": SCHEDULES, "framing": FRAMINGS}
_MOST_PREVIEWS = 8
_GENERATION_RANGES = {
    "steps": (1, 1000),
    "guidance_scale": (0.0, 100.0),
    "clip_skip": (0, 100),
    "width_px": (8, 2048),
    "height_px": (8, 2048),
    "batch_size": (1, 256),
}
_WEIGHTS = (-10.0, 10.0)


def adapter_settings(message: generator_pb2.AdapterSettings) -> AdapterSettings:
    """Raises InvalidInputError, with a violation per field that is out of range."""
    _check_ranges(message, _ADAPTER_RANGES)
    violations = [
        FieldViolation(f"settings.{name}", f"no {name} '{getattr(message, name)}'; known: {', '.join(known)}")
        for name, known in _ADAPTER_CHOICES.items()
        if message.HasField(name) and getattr(message, name) not in known
    ]
    if len(message.preview_prompts) > _MOST_PREVIEWS:
        count = f"{len(message.preview_prompts)} prompts; wanted: at most {_MOST_PREVIEWS}"
        violations.append(FieldViolation("settings.preview_prompts", count))
    previews = []
    for number, prompt in enumerate(message.preview_prompts):
        try:
            previews.append(_preview_text(prompt))
        except InvalidInputError as error:
            violations.append(FieldViolation(f"settings.preview_prompts[{number}]", str(error)))
    if "" in message.unet_targets:
        violations.append(FieldViolation("settings.unet_targets", "a name is empty, which fits no layer"))
    if message.HasField("text_encoder_learning_rate") and not message.train_text_encoder:
        violations.append(FieldViolation("settings.text_encoder_learning_rate", "needs train_text_encoder: true"))
    _refuse(violations)
    given: dict[str, Any] = {
        field.name: tuple(value) if field.is_repeated else value for field, value in message.ListFields()
    }
    rank = given.get("rank", AdapterSettings.rank)
    return AdapterSettings(**{"alpha": rank, **given, "preview_prompts": tuple(previews)})


def _preview_text(prompt: str) -> str:
    parsed = parse_prompt(prompt)
    if parsed.weights:
        raise InvalidInputError("names an adapter; a preview shows the one in training, and no other")
    return parsed.text


def generation_settings(message: generator_pb2.GenerationSettings) -> GenerationSettings:
    """Sizes of 0 are the base model's own. Raises InvalidInputError, with a violation per field that is out
    of range.
    """
    _check_ranges(message, _GENERATION_RANGES)
    given = {field.name: value for field, value in message.ListFields() if field.name != "batch_size"}
    return GenerationSettings(**given)


def prompt_items(messages: Iterable[generator_pb2.PromptItem]) -> list[PromptItem]:
    """Raises InvalidInputError when there are none, when a prompt_id is empty or stands twice, or when a
    start image is no reference or has no strength.
    """
    items = [
        PromptItem(
            one.prompt_id,
            Wanted(one.prompt, one.negative_prompt, one.seed, _start(one, f"prompts[{number}].start")),
        )
        for number, one in enumerate(messages)
    ]
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


def adapter_uses(messages: Iterable[generator_pb2.AdapterUse]) -> list[AdapterUse]:
    """Raises InvalidInputError when a name is none, or stands twice, or a weight is out of range."""
    uses: list[AdapterUse] = []
    violations: list[FieldViolation] = []
    for number, one in enumerate(messages):
        field = f"adapters[{number}]"
        low, high = _WEIGHTS
        if not ADAPTER_NAME.fullmatch(one.name):
            text = f"is '{one.name}'; wanted: letters, digits, '.', '_' and '-'"
            violations.append(FieldViolation(f"{field}.name", text))
        elif one.name in {use.name for use in uses}:
            violations.append(FieldViolation(f"{field}.name", f"'{one.name}' stands twice"))
        weight = one.weight if one.HasField("weight") else AdapterUse.weight
        if not low <= weight <= high:  # not for NaN either
            text = f"is {weight:g}; wanted: {low:g} to {high:g}"
            violations.append(FieldViolation(f"{field}.weight", text))
        uses.append(AdapterUse(one.name, ref_from_proto(one.adapter, f"{field}.adapter"), weight))
    _refuse(violations)
    return uses


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
        kohya_weights=ref_to_proto(value.kohya_weights) if value.kohya_weights else None,
        curve=ref_to_proto(value.curve) if value.curve else None,
        validation_loss=value.validation_loss,
    )


def adapter_preview(value: AdapterPreview) -> generator_pb2.AdapterPreview:
    return generator_pb2.AdapterPreview(step=value.step, prompt=value.prompt, image=ref_to_proto(value.image))


def adapter_source(request: generator_pb2.ImportAdapterRequest) -> Path | ObjectRef:
    """Raises InvalidInputError when neither path nor object is given."""
    if request.WhichOneof("source") == "object":
        return ref_from_proto(request.object, "object")
    if not request.path:
        _refuse([FieldViolation("path", "must not be empty; give a .safetensors file, or object")])
    return Path(request.path)


def imported_adapter(value: ImportedAdapter) -> generator_pb2.ImportAdapterResult:
    return generator_pb2.ImportAdapterResult(
        adapter=ref_to_proto(value.adapter),
        weights=ref_to_proto(value.weights),
        kohya_weights=ref_to_proto(value.kohya_weights),
        unet_layers=value.unet_layers,
        text_encoder_layers=value.text_encoder_layers,
        warnings=value.warnings,
    )


def generated_image(value: GeneratedImage) -> generator_pb2.GeneratedImage:
    return generator_pb2.GeneratedImage(
        prompt_id=value.prompt_id,
        image=ref_to_proto(value.image),
        seed=value.seed,
        reused=value.reused,
        truncated_tokens=value.truncated_tokens,
        made_from=value.made_from,
    )


def generate_result(images: Iterable[GeneratedImage]) -> generator_pb2.GenerateResult:
    return generator_pb2.GenerateResult(images=[generated_image(image) for image in images])


def _start(message: generator_pb2.PromptItem, field: str) -> StartImage | None:
    if not message.HasField("start"):
        return None
    strength = message.start.strength if message.start.HasField("strength") else StartImage.strength
    if not 0 < strength <= 1:  # not for NaN either
        _refuse([FieldViolation(f"{field}.strength", f"is {strength:g}; wanted: above 0, at most 1")])
    return StartImage(ref_from_proto(message.start.image, f"{field}.image"), strength)


def _check_ranges(message: Message, ranges: dict[str, tuple[float, float]]) -> None:
    violations = []
    for name, (low, high) in ranges.items():
        value = getattr(message, name)
        if message.HasField(name) and not (math.isfinite(value) and low <= value <= high):
            violations.append(FieldViolation(f"settings.{name}", f"is {value:g}; wanted: {low:g} to {high:g}"))
    _refuse(violations)


def _refuse(violations: list[FieldViolation]) -> None:
    if violations:
        text = "; ".join(f"{one.field}: {one.description}" for one in violations)
        raise InvalidInputError(text, tuple(violations))
