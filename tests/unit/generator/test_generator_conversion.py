"""Messages of the contract to the generator's own values: defaults, what is given, what is refused."""

import pytest
from saggar.errors import InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import generator_pb2
from saggar_generator import messages
from saggar_generator.requests import AdapterUse, GeneratedImage, GlazeTransfer, ImageRequest, PromptItem, StartImage
from saggar_generator.training.previews import prompts_of

REF = ObjectRef("adapters/a/adapter.json", "a" * 64, 7, "application/json")


def test_unset_settings_take_the_contracts_defaults():
    assert messages.adapter_settings(generator_pb2.AdapterSettings()) == AdapterSettings(
        rank=8, alpha=8, steps=1000, batch_size=4, learning_rate=1e-4, seed=0, checkpoint_every_steps=100
    )
    assert messages.generation_settings(generator_pb2.GenerationSettings()) == GenerationSettings(
        steps=20, guidance_scale=7.0, clip_skip=None, scheduler="dpmpp_2m_karras"
    )


def test_zeros_that_are_set_are_not_defaults():
    adapter = messages.adapter_settings(generator_pb2.AdapterSettings(clip_skip=0, min_snr_gamma=0.0))
    assert (adapter.clip_skip, adapter.min_snr_gamma) == (0, 0.0)
    settings = generator_pb2.GenerationSettings(clip_skip=0, batch_size=4)
    assert messages.generation_settings(settings).clip_skip == 0
    use = generator_pb2.AdapterUse(name="a", adapter=ref_to_proto(REF), weight=0.0)
    assert messages.adapter_uses([use]) == [AdapterUse("a", REF, 0.0)]


def test_alpha_follows_rank_unless_it_is_set():
    assert messages.adapter_settings(generator_pb2.AdapterSettings(rank=16)).alpha == 16
    assert messages.adapter_settings(generator_pb2.AdapterSettings(rank=16, alpha=4)).alpha == 4


@pytest.mark.parametrize("name", ["preview_prompts", "prior_prompts"])
def test_prompts_in_training_are_prompts_like_others(name):
    def given(*prompts):
        return messages.adapter_settings(generator_pb2.AdapterSettings(prior_weight=1.0, **{name: prompts}))

    settings = given("white bowl", r"vase \(tall\)")
    assert getattr(settings, name) == ("white bowl", r"vase \(tall\)")
    # As they go to the processes of a team:
    assert AdapterSettings.model_validate(settings.model_dump(mode="json")) == settings
    with pytest.raises(InvalidInputError) as caught:
        given("white bowl", "(white:1.3) bowl", "bowl <lora:x:1>")
    assert [violation.field for violation in caught.value.violations] == [f"settings.{name}[1]", f"settings.{name}[2]"]


def test_a_previews_text_is_the_prompts_without_its_syntax():
    settings = AdapterSettings(preview_prompts=("white bowl", r"vase \(tall\)"))
    assert prompts_of(settings, ["a caption"]) == ["white bowl", "vase (tall)"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("rank", 0), ("steps", 0), ("learning_rate", float("nan")), ("batch_size", -1)),
        *(("min_snr_gamma", -0.1), ("optimizer", "lion"), ("learning_rate_schedule", "step")),
        *(("validation_share", 0.6), ("unet_targets", [""]), ("preview_prompts", ["bowl"] * 9)),
        ("framing", "stretch"),
        *(("noise_offset", float("nan")), ("gradient_accumulation_steps", 0)),
        ("text_encoder_learning_rate", 1e-4),  # without train_text_encoder
    ],
)
def test_values_out_of_range_name_their_field(field, value):
    with pytest.raises(InvalidInputError) as caught:
        messages.adapter_settings(generator_pb2.AdapterSettings(**{field: value}))
    assert [violation.field.partition("[")[0] for violation in caught.value.violations] == [f"settings.{field}"]


def test_prompts_keep_their_order_and_seeds():
    given = [
        generator_pb2.PromptItem(prompt_id="b", prompt="bowl", negative_prompt="blurry", seed=-5),
        generator_pb2.PromptItem(prompt_id="a", prompt="cup", seed=2**40),
    ]
    assert messages.prompt_items(given) == [
        PromptItem("b", ImageRequest("bowl", "blurry", -5)),
        PromptItem("a", ImageRequest("cup", "", 2**40)),
    ]


def test_adapters_are_named_and_weighted():
    plain = generator_pb2.AdapterUse(name="form_2.1-b", adapter=ref_to_proto(REF))
    assert messages.adapter_uses([plain]) == [AdapterUse("form_2.1-b", REF, 0.4)]
    bad = [
        generator_pb2.AdapterUse(name="a b", adapter=ref_to_proto(REF)),
        generator_pb2.AdapterUse(name="c", adapter=ref_to_proto(REF), weight=float("nan")),
        generator_pb2.AdapterUse(name="c", adapter=ref_to_proto(REF)),
    ]
    with pytest.raises(InvalidInputError) as caught:
        messages.adapter_uses(bad)
    fields = ["adapters[0].name", "adapters[1].weight", "adapters[2].name"]
    assert [violation.field for violation in caught.value.violations] == fields
    with pytest.raises(InvalidInputError, match=r"adapters\[0\]\.adapter\.uri"):
        messages.adapter_uses([generator_pb2.AdapterUse(name="a")])


def test_a_photograph_to_start_from_has_a_strength():
    def item(**start):
        message = generator_pb2.StartImage(image=ref_to_proto(REF), **start)
        return generator_pb2.PromptItem(prompt_id="a", prompt="bowl", start=message)

    assert messages.prompt_items([item()])[0].request.start == StartImage(REF, 0.6)
    assert messages.prompt_items([item(strength=1.0)])[0].request.start == StartImage(REF, 1.0)
    for strength in (0.0, 1.01, float("nan")):
        with pytest.raises(InvalidInputError, match=r"prompts\[0\]\.start\.strength"):
            messages.prompt_items([item(strength=strength)])


def test_an_image_keeps_its_reference():
    ref = ObjectRef("images/aa/aa.png", "a" * 64, 7, "image/png")
    message = messages.generated_image(GeneratedImage("p", ref, 3, True, 2, "{}"))
    assert (message.image.uri, message.image.sha256) == ("store:images/aa/aa.png", "a" * 64)
    assert (message.prompt_id, message.seed, message.reused, message.truncated_tokens) == ("p", 3, True, 2)


def test_a_transfer_has_photographs_of_both_kinds_and_no_start():
    def item(**fields):
        return messages.prompt_items([generator_pb2.PromptItem(prompt_id="a", prompt="bowl", **fields)])[0]

    ref = ref_to_proto(REF)
    given = item(transfer=generator_pb2.GlazeTransfer(forms=[ref, ref], glazes=[ref]))
    assert given.request.transfer == GlazeTransfer((REF, REF), (REF,))
    for transfer, field in (
        (generator_pb2.GlazeTransfer(forms=[ref]), "glazes"),
        (generator_pb2.GlazeTransfer(glazes=[ref]), "forms"),
        (generator_pb2.GlazeTransfer(forms=[ref] * 17, glazes=[ref]), "forms"),
    ):
        with pytest.raises(InvalidInputError, match=rf"prompts\[0\]\.transfer\.{field}: has"):
            item(transfer=transfer)
    with pytest.raises(InvalidInputError, match="goes without start"):
        item(transfer=given and generator_pb2.GlazeTransfer(), start=generator_pb2.StartImage(image=ref))
