"""The `adapter:` section of an experiment file reaches the generator whole."""

from pathlib import Path

import pytest
from saggar.errors import InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.taxonomy import load_taxonomy
from saggar.v1 import generator_pb2
from saggar_generator.messages import adapter_settings
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.identity import experiment_id
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
  learnt_words: glaze
  vectors_per_word: 2
  word_learning_rate: 1.0e-3
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


def test_learnt_words_are_those_of_the_tasks_classes():
    message = messages.adapter_settings(parse("{learnt_words: glaze}"), TAXONOMY)
    assert dict(message.learnt_phrases)["<glaze-moonw>"] == "moon white"
    assert len(message.learnt_phrases) == len(TAXONOMY.task("glaze").classes)
    settings = adapter_settings(message)
    assert settings.learnt_phrases["<glaze-ivoryw>"] == "ivory white"
    assert (settings.vectors_per_word, settings.word_learning_rate) == (1, None)


def test_without_words_steps_and_experiments_keep_their_names():
    fields = {field.name for field, _ in messages.adapter_settings(parse("{rank: 4}"), TAXONOMY).ListFields()}
    assert not fields & {"learnt_phrases", "vectors_per_word", "word_learning_rate"}
    plain, with_default, with_words = (
        experiment_id(parse_experiment(FILE.format(adapter=adapter), "s.yaml", Path())[0], TAXONOMY, {})
        for adapter in (
            "{rank: 4}",
            "{rank: 4, learnt_words: '', vectors_per_word: 1}",
            "{rank: 4, learnt_words: glaze}",
        )
    )
    assert plain == with_default
    assert plain != with_words


@pytest.mark.parametrize(
    ("adapter", "complaint"),
    [
        ("{optimizer: lion}", r"study.yaml:6 adapter.optimizer.*adamw8bit"),
        ("{validation_share: 0.9}", "adapter.validation_share"),
        ("{text_encoder_learning_rate: 0.1}", "needs train_text_encoder: true"),
        ("{prior_prompts: [dish]}", "needs a prior_weight above 0"),
        ("{prior_weight: 1, prior_prompts: ['<lora:a:1> dish']}", "names an adapter"),
        ("{previews: 3}", "adapter.previews"),
        ("{learnt_words: glazes}", "adapter.learnt_words: unknown task 'glazes'; known: dynasty, kiln, glaze, type"),
        ("{learnt_words: glaze, tasks: [type]}", "learnt_words: is glaze, of which captions do not speak"),
        ("{learnt_words: [glaze, type]}", "learnt_words: is no text"),
        ("{learnt_phrases: {<glaze-white>: white}}", "learnt_phrases: are those of the classes of the task"),
        ("{vectors_per_word: 3}", "vectors_per_word: needs words to learn; name a task with learnt_words"),
        ("{learnt_words: glaze, vectors_per_word: 17}", "adapter.vectors_per_word: .*16"),
        ("{learnt_words: glaze, word_learning_rate: 0}", "adapter.word_learning_rate"),
        ("{learnt_words: glaze, word_learning_rate: 1.5}", "adapter.word_learning_rate"),
    ],
)
def test_mistakes_are_named(adapter, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        parse(adapter)


def test_a_task_whose_prompts_name_other_classes_first_has_no_words():
    text = FILE.format(adapter="{learnt_words: type}").replace("kilnsim", "song-yuan-porcelain", 1)
    with pytest.raises(InvalidInputError, match=r"learnt_words: the taxonomy's prompt '.*' does not name type TeaB-S"):
        parse_experiment(text, "study.yaml", Path())
