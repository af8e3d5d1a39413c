"""The `adapter:` section of an experiment file reaches the generator whole."""

from pathlib import Path

import pytest
from saggar.errors import InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.taxonomy import load_taxonomy
from saggar.v1 import generator_pb2
from saggar_generator.messages import adapter_settings
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.sections import Adapter
from saggar_orchestrator.peers import messages

TAXONOMY = load_taxonomy("kilnsim")
FILE = """
name: study
taxonomy: kilnsim
data: {{kilnsim: {{count: 60}}}}
arms: [{{name: baseline}}]
adapter: {adapter}
"""
EVERY = """
  rank: 16
  alpha: 4
  steps: 50
  batch_size: 2
  learning_rate: 2.0e-4
  resolution_px: 64
  framing: pad
  seed: 5
  checkpoint_every_steps: 10
  keep_every_steps: 5
  clip_skip: 0
  min_snr_gamma: 0
  unet_targets: [to_q, ff.net.2]
  train_text_encoder: true
  text_encoder_learning_rate: 5.0e-5
  optimizer: adamw8bit
  learning_rate_schedule: cosine
  warm_up_steps: 0
  gradient_accumulation_steps: 4
  gradient_checkpointing: true
  noise_offset: 0.05
  caption_dropout: 0.1
  prior_weight: 0.5
  prior_images: 40
  prior_prompts: [dish, vase]
  validation_share: 0.1
  validation_every_steps: 25
  preview_every_steps: 20
  preview_prompts: [white bowl, celadon vase]
  licence: CC-BY-4.0
"""


def parse(adapter):
    return parse_experiment(FILE.format(adapter=adapter), "study.yaml", Path())[0].adapter


def test_every_setting_can_be_given_and_arrives():
    message = messages.adapter_settings(parse(EVERY), TAXONOMY)
    named = {field.name for field, _ in message.ListFields()}
    assert named == {field.name for field in generator_pb2.AdapterSettings.DESCRIPTOR.fields}
    settings = adapter_settings(message)
    assert (settings.rank, settings.alpha, settings.min_snr_gamma) == (16, 4, 0)
    assert settings.unet_targets == ("to_q", "ff.net.2")
    assert settings.preview_prompts == ("white bowl", "celadon vase")
    assert (settings.optimizer, settings.learning_rate_schedule) == ("adamw8bit", "cosine")
    assert settings.caption_template.startswith("{dynasty} dynasty, {kiln} kiln produced")


def test_what_is_left_out_arrives_as_its_default():
    message = messages.adapter_settings(Adapter.model_validate({}), TAXONOMY)
    assert adapter_settings(message).with_values(caption_template="") == AdapterSettings()


def test_prior_preservation_shows_every_class_of_the_adapters_tasks():
    message = messages.adapter_settings(parse("{prior_weight: 1, tasks: [type]}"), TAXONOMY)
    assert len(message.prior_prompts) == len(TAXONOMY.task("type").classes)
    assert message.prior_prompts[0] == "Chinese porcelain, bowl"
    assert messages.adapter_settings(parse("{tasks: [type]}"), TAXONOMY).prior_prompts == []
    assert list(messages.adapter_settings(parse(EVERY), TAXONOMY).prior_prompts) == ["dish", "vase"]


@pytest.mark.parametrize(
    ("adapter", "complaint"),
    [
        ("{optimizer: lion}", r"study.yaml:6 adapter.optimizer.*adamw8bit"),
        ("{validation_share: 0.9}", "adapter.validation_share"),
        ("{text_encoder_learning_rate: 0.1}", "needs train_text_encoder: true"),
        ("{prior_prompts: [dish]}", "needs a prior_weight above 0"),
        ("{prior_weight: 1, prior_prompts: ['<lora:a:1> dish']}", "names an adapter"),
        ("{previews: 3}", "adapter.previews"),
    ],
)
def test_mistakes_are_named(adapter, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        parse(adapter)
