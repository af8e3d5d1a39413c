"""Messages of the contract to the domain's values and back. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from saggar.errors import FieldViolation, InvalidInputError, refuse
from saggar.job_settings.adapter import AdapterSettings, AdapterWeight
from saggar.job_settings.generation import ControlSettings, GenerationSettings, StartSettings
from saggar.job_settings.messages import from_message
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import generator_pb2
from saggar.webui.prompt_syntax import ADAPTER_NAME

from saggar_generator.requests import (
    AdapterPreview,
    AdapterUse,
    ControlUse,
    GeneratedImage,
    GenerationRequest,
    GlazeTransfer,
    ImageRequest,
    ImportedAdapter,
    ImportRequest,
    PromptItem,
    StartImage,
    TrainedAdapter,
    TrainingRequest,
)

_MOST_DONORS = 16  # photographs of each kind that a glaze transfer looks at


def adapter_settings(message: generator_pb2.AdapterSettings) -> AdapterSettings:
    """Raises InvalidInputError, with a violation per bad field."""
    return from_message(AdapterSettings, message)


def generation_settings(message: generator_pb2.GenerationSettings) -> GenerationSettings:
    """Sizes of 0 are the base model's own. Raises InvalidInputError, with a violation per bad field."""
    return from_message(GenerationSettings, message)


def prompt_items(messages: Iterable[generator_pb2.PromptItem]) -> list[PromptItem]:
    """Raises InvalidInputError when there are none, when a prompt_id is empty or appears twice, or when a
    start image is no reference or has no strength.
    """
    items = [
        PromptItem(
            one.prompt_id,
            ImageRequest(
                one.prompt,
                one.negative_prompt,
                one.seed,
                _start(one, f"prompts[{number}].start"),
                _transfer(one, f"prompts[{number}].transfer"),
                _control_photograph(one, f"prompts[{number}].control_photograph"),
            ),
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
            violations.append(FieldViolation(field, f"'{item.prompt_id}' appears twice"))
        seen.add(item.prompt_id)
    refuse(violations)
    return items


def base_model(spec: str) -> str:
    """Raises InvalidInputError when it is empty."""
    if not spec:
        refuse([FieldViolation("base_model", "must not be empty; give nano, a hub id or a folder")])
    return spec


def adapter_uses(messages: Iterable[generator_pb2.AdapterUse]) -> list[AdapterUse]:
    """Raises InvalidInputError for a name that is none or appears twice, and for a weight out of range."""
    uses: list[AdapterUse] = []
    violations: list[FieldViolation] = []
    for number, one in enumerate(messages):
        field = f"adapters[{number}]"
        if not ADAPTER_NAME.fullmatch(one.name):
            text = f"is '{one.name}'; a name has letters, digits, '.', '_' and '-' only"
            violations.append(FieldViolation(f"{field}.name", text))
        elif one.name in {use.name for use in uses}:
            violations.append(FieldViolation(f"{field}.name", f"'{one.name}' appears twice"))
        weight = AdapterUse.weight
        try:
            weight = from_message(AdapterWeight, one, field).weight
        except InvalidInputError as error:
            violations += error.violations
        uses.append(AdapterUse(one.name, ref_from_proto(one.adapter, f"{field}.adapter"), weight))
    refuse(violations)
    return uses


def training_request(request: generator_pb2.TrainAdapterRequest) -> TrainingRequest:
    """Raises InvalidInputError."""
    return TrainingRequest(
        base_model(request.base_model),
        ref_from_proto(request.manifest, "manifest"),
        adapter_settings(request.settings),
        request.fresh,
    )


def import_request(request: generator_pb2.ImportAdapterRequest) -> ImportRequest:
    """Raises InvalidInputError."""
    return ImportRequest(base_model(request.base_model), adapter_source(request), request.licence)


def generation_request(request: generator_pb2.GenerateRequest) -> GenerationRequest:
    """Raises InvalidInputError."""
    return GenerationRequest(
        base_model(request.base_model),
        prompt_items(request.prompts),
        adapter_uses(request.adapters),
        generation_settings(request.settings),
        control_use(request),
        request.fresh,
    )


def control_use(request: generator_pb2.GenerateRequest) -> ControlUse | None:
    """Raises InvalidInputError when a prompt has a photograph for a ControlNet and the request names none."""
    if request.HasField("control_net"):
        if not request.control_net.path:
            refuse([FieldViolation("control_net.path", "must not be empty; give a ControlNet's folder")])
        settings = from_message(ControlSettings, request.control_net, "control_net")
        return ControlUse(request.control_net.path, settings)
    if any(one.HasField("control_photograph") for one in request.prompts):
        refuse([FieldViolation("control_net", "must be given, for there are prompts with a control_photograph")])
    return None


def trained_adapter(value: TrainedAdapter) -> generator_pb2.TrainAdapterResult:
    return generator_pb2.TrainAdapterResult(
        adapter=ref_to_proto(value.adapter),
        weights=ref_to_proto(value.weights),
        final_loss=value.final_loss,
        steps=value.steps,
        kohya_weights=ref_to_proto(value.kohya_weights) if value.kohya_weights else None,
        curve=ref_to_proto(value.curve) if value.curve else None,
        validation_loss=value.validation_loss,
        kept=[
            generator_pb2.KeptAdapter(
                step=one.step, adapter=ref_to_proto(one.adapter), weights=ref_to_proto(one.weights)
            )
            for one in value.kept
        ],
    )


def adapter_preview(value: AdapterPreview) -> generator_pb2.AdapterPreview:
    return generator_pb2.AdapterPreview(step=value.step, prompt=value.prompt, image=ref_to_proto(value.image))


def adapter_source(request: generator_pb2.ImportAdapterRequest) -> Path | ObjectRef:
    """Raises InvalidInputError when neither path nor object is given."""
    if request.WhichOneof("source") == "object":
        return ref_from_proto(request.object, "object")
    if not request.path:
        refuse([FieldViolation("path", "must not be empty; give a .safetensors file, or object")])
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


def _transfer(message: generator_pb2.PromptItem, field: str) -> GlazeTransfer | None:
    if not message.HasField("transfer"):
        return None
    if message.HasField("start"):
        refuse([FieldViolation(field, "goes without start: give one of them")])
    found = {}
    for name in ("forms", "glazes"):
        given = getattr(message.transfer, name)
        if not 1 <= len(given) <= _MOST_DONORS:
            refuse([FieldViolation(f"{field}.{name}", f"has {len(given)} photographs; give 1 to {_MOST_DONORS}")])
        found[name] = tuple(ref_from_proto(one, f"{field}.{name}[{place}]") for place, one in enumerate(given))
    return GlazeTransfer(**found)


def _control_photograph(message: generator_pb2.PromptItem, field: str) -> ObjectRef | None:
    if not message.HasField("control_photograph"):
        return None
    if message.HasField("start") or message.HasField("transfer"):
        refuse([FieldViolation(field, "goes without start and transfer: give one of them")])
    return ref_from_proto(message.control_photograph, field)


def _start(message: generator_pb2.PromptItem, field: str) -> StartImage | None:
    if not message.HasField("start"):
        return None
    settings = from_message(StartSettings, message.start, field)
    image = ref_from_proto(message.start.image, f"{field}.image")
    return StartImage(image, settings.strength, settings.framing)
