"""A setting is declared once: the contract, experiment files, services and the command line agree with it."""

import importlib.util
import inspect
import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer.models
from google.protobuf.descriptor import FieldDescriptor
from saggar.errors import InvalidInputError
from saggar.job_settings.adapter import AdapterSettings, AdapterWeight
from saggar.job_settings.declared import JobSettings, bounds, help_line
from saggar.job_settings.generation import ControlSettings, GenerationSettings, StartSettings
from saggar.job_settings.messages import from_message, to_message
from saggar.job_settings.review import ReviewSettings
from saggar.job_settings.screening import ExtractorSettings, Resize, ScreenSettings, SetMeasureSettings
from saggar.job_settings.training import TrainingSettings
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import generator_pb2, qc_pb2, trainer_pb2
from saggar_generator import messages as generator_messages
from saggar_orchestrator.cli.generator import compare, options
from saggar_orchestrator.experiment import sections
from saggar_orchestrator.experiment.schema import Experiment, json_schema
from saggar_trainer import messages as trainer_messages

PROTOS = Path(__file__).resolve().parents[2] / "protos"
MESSAGES = {
    TrainingSettings: trainer_pb2.TrainingSettings,
    AdapterSettings: generator_pb2.AdapterSettings,
    GenerationSettings: generator_pb2.GenerationSettings,
    ScreenSettings: qc_pb2.ScreenSettings,
    ReviewSettings: qc_pb2.ReviewSettings,
}
IN_FILES = {
    TrainingSettings: sections.Training,
    AdapterSettings: sections.Adapter,
    GenerationSettings: sections.Generation,
    ScreenSettings: sections.Screening,
}
REF = ref_to_proto(ObjectRef("datasets/a/manifest.parquet", "a" * 64, 7, "application/vnd.apache.parquet"))
EVERY = [*MESSAGES, AdapterWeight, StartSettings, ControlSettings, SetMeasureSettings, ExtractorSettings]


@pytest.mark.parametrize("settings", MESSAGES, ids=lambda one: one.__name__)
def test_the_contract_has_the_declared_fields(settings):
    assert {field.name for field in MESSAGES[settings].DESCRIPTOR.fields} == set(settings.model_fields)


@pytest.mark.parametrize("settings", MESSAGES, ids=lambda one: one.__name__)
def test_an_empty_message_is_the_defaults_and_a_full_one_comes_back(settings):
    message = MESSAGES[settings]
    assert from_message(settings, message()) == settings()
    assert from_message(settings, to_message(settings(), message)) == settings()


def test_the_contracts_comments_say_what_is_declared():
    specification = importlib.util.spec_from_file_location("setting_comments", PROTOS / "setting_comments.py")
    comments = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(comments)
    assert set(MESSAGES) <= set(comments.DECLARED.values())
    for name in {file for file, _ in comments.DECLARED}:
        text = (PROTOS / "saggar" / "v1" / name).read_text(encoding="utf-8")
        assert comments.with_comments(text, name) == text, f"{name} differs; run `make proto`"


@pytest.mark.parametrize("settings", EVERY, ids=lambda one: one.__name__)
def test_every_setting_has_a_line_of_help(settings):
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert help_line(settings, name).endswith(".")


@pytest.mark.parametrize("settings", IN_FILES, ids=lambda one: one.__name__)
def test_experiment_files_take_them_as_they_are(settings):
    section = IN_FILES[settings]
    assert issubclass(section, settings)
    for name, field in settings.model_fields.items():
        if name not in section.elsewhere:
            assert section.model_fields[name] is field or repr(section.model_fields[name]) == repr(field), name


def test_the_resize_mode_is_declared_once():
    assert repr(sections.Screening.model_fields["resize"]) == repr(ExtractorSettings.model_fields["resize"])
    assert {field.name for field in qc_pb2.FeatureExtractor.DESCRIPTOR.fields} > set(ExtractorSettings.model_fields)
    assert tuple(compare.ResizeMode) == get_args(Resize)


def test_what_an_experiment_says_elsewhere_says_where():
    with pytest.raises(InvalidInputError, match=r"training\.seed: stands under `seeds`"):
        sections.Training.checked({"seed": 1}, "training")


def test_weights_of_adapters_and_photographs_are_the_contracts():
    weight = sections.Generation.model_fields["adapter_weight"]
    declared = AdapterWeight.model_fields["weight"]
    assert (bounds(weight), weight.default) == (bounds(declared), declared.default)
    assert bounds(sections.Generation.model_fields["further_adapters"]) == bounds(declared)
    strength = sections.Generation.model_fields["photograph_strength"]
    assert bounds(strength) == bounds(StartSettings.model_fields["strength"])


def _beyond(settings: type[JobSettings]):
    """(name, value) just outside the bounds of every bounded number."""
    for name, field in settings.model_fields.items():
        if {int, float} & {field.annotation, *get_args(field.annotation)}:
            for one in field.metadata:
                if (least := getattr(one, "ge", None)) is not None:
                    yield name, least - 1
                if (most := getattr(one, "le", None)) is not None and most < 2**31 - 1:
                    yield name, most + 1
                if (limit := getattr(one, "lt", None)) is not None:
                    yield name, limit
                if (limit := getattr(one, "gt", None)) is not None:
                    yield name, limit


@pytest.mark.parametrize(
    ("settings", "take"),
    [
        (
            TrainingSettings,
            lambda m: trainer_messages.training_job_from_message(
                trainer_pb2.TrainRequest(settings=m, manifest=REF, taxonomy=REF)
            ),
        ),
        (AdapterSettings, generator_messages.adapter_settings),
        (GenerationSettings, generator_messages.generation_settings),
        (ScreenSettings, lambda m: from_message(ScreenSettings, m)),
    ],
    ids=["trainer", "generator-adapter", "generator-images", "qc"],
)
def test_files_and_services_refuse_the_same_values(settings, take):
    tried = 0
    for name, value in _beyond(settings):
        message = MESSAGES[settings]()
        whole = message.DESCRIPTOR.fields_by_name[name].cpp_type == FieldDescriptor.CPPTYPE_INT32
        setattr(message, name, int(value) if whole else value)
        with pytest.raises(InvalidInputError, match=name):
            take(message)
        if name not in IN_FILES[settings].elsewhere:
            with pytest.raises(InvalidInputError, match=name):
                IN_FILES[settings].checked({name: value})
        tried += 1
    assert tried > 5


def test_a_class_weight_cap_below_one_fails_where_it_is_written():
    with pytest.raises(InvalidInputError, match=r"training\.class_weight_cap: is 0.5; must be 1 to"):
        sections.Training.checked({"class_weight_cap": 0.5}, "training")


def test_the_command_lines_options_are_the_declared_ones():
    hints = get_type_hints(options.Sampling, include_extras=True)
    for option, name in (
        ("steps", "steps"),
        ("guidance", "guidance_scale"),
        ("guidance_to", "guidance_scale_to"),
        ("clip_skip", "clip_skip"),
        ("scheduler", "scheduler"),
    ):
        described = next(one for one in get_args(hints[option]) if isinstance(one, typer.models.OptionInfo))
        field = GenerationSettings.model_fields[name]
        limits = {key: getattr(one, key) for one in field.metadata for key in ("ge", "le") if hasattr(one, key)}
        assert (described.min, described.max) == (limits.get("ge"), limits.get("le")), name
        default = field.json_schema_extra["left_out"] if field.json_schema_extra else f"{field.default}"
        default = default.replace("guidance_scale", "--guidance")  # as the option is called
        assert f"default {default.removesuffix('.0')}" in described.help or default in described.help, name


def test_the_schema_of_experiment_files_has_every_line_of_help():
    schema = json_schema()
    json.dumps(schema)
    definitions = schema["$defs"]
    training = definitions["Training"]["properties"]
    assert training["class_weight_cap"]["description"] == help_line(TrainingSettings, "class_weight_cap")
    assert (training["class_weight_cap"]["minimum"], training["class_weight_cap"]["default"]) == (1, 10.0)
    assert "seed" not in training
    assert definitions["Training"]["additionalProperties"] is False
    for name, part in {"Experiment": schema, **definitions}.items():
        for key, entry in part.get("properties", {}).items():
            assert entry.get("description"), f"{name}.{key}"
    assert set(schema["properties"]) == set(Experiment.model_fields)
    assert inspect.getdoc(Experiment).splitlines()[0] in schema["description"]
