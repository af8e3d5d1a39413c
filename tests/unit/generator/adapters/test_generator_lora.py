"""LoRA layers: onto a pipeline and off it, in diffusers' and kohya's keys, checked against diffusers."""

from dataclasses import replace

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionPipeline
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers
from saggar.errors import InvalidInputError, WrongStateError
from saggar_generator.adapters import adapter, lora, lora_formats
from saggar_generator.adapters.lora import LoraLayer
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement

UNET_PATH = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
TEXT_PATH = "encoder.layers.1.self_attn.q_proj"


@pytest.fixture(scope="module")
def base(folder):
    return BaseModels(Placement("cpu", "float32")).get(str(folder))


@pytest.fixture(autouse=True)
def bare(base):
    yield
    lora.remove(base)


def layer(module, rank, alpha, seed=0):
    random = torch.Generator().manual_seed(seed)
    out, *rest = module.weight.shape
    return LoraLayer(
        torch.randn(rank, *rest, generator=random),
        torch.randn(out, rank, *(1 for _ in rest[1:]), generator=random),
        alpha,
    )


def every_kind(base):
    """Attention, feed-forward, convolutions and text, of several ranks and alphas."""
    places = lora.modules(base)
    block = UNET_PATH.removesuffix(".attn1.to_q")
    wanted = {
        "unet": [
            UNET_PATH,
            f"{block}.attn2.to_out.0",
            f"{block}.ff.net.0.proj",
            "down_blocks.0.attentions.0.proj_in",  # a convolution of 1 x 1 in SD 1.x
            "mid_block.resnets.1.conv1",
            "up_blocks.1.resnets.0.time_emb_proj",
            "conv_in",
        ],
        "text_encoder": [TEXT_PATH, "encoder.layers.0.mlp.fc1"],
    }
    return {
        part: {
            path: layer(places[part][path], 2 + number % 2, (4.0, 0.5)[number % 2], number)
            for number, path in enumerate(paths)
        }
        for part, paths in wanted.items()
    }


def assert_equal(found, expected):
    assert {p: set(layers) for p, layers in found.items()} == {p: set(x) for p, x in expected.items()}
    for part, layers in expected.items():
        for path, one in layers.items():
            other = found[part][path]
            assert torch.equal(other.down, one.down), path
            assert torch.equal(other.up, one.up), path
            assert other.alpha == one.alpha, path


def answer(pipeline):
    """What the networks say: text and noise."""
    with torch.no_grad():
        ids = torch.tensor([[1, 5, 9, 2] + [0] * 73])
        text = pipeline.text_encoder(ids).last_hidden_state
        latents = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        return pipeline.unet(latents, torch.tensor([500]), encoder_hidden_states=text).sample


def test_layers_come_off_a_pipeline_as_they_went_on(base):
    expected = every_kind(base)
    before = answer(base.pipeline)
    lora.put(base, expected, "a")
    assert not torch.allclose(answer(base.pipeline), before)
    assert_equal(lora.take(base, "a"), expected)
    lora.remove(base)
    assert torch.equal(answer(base.pipeline), before)


def test_an_update_is_alpha_over_rank_times_up_times_down(base):
    one = every_kind(base)["unet"][UNET_PATH]
    module = base.pipeline.unet.get_submodule(UNET_PATH)
    x = torch.randn(3, module.in_features)
    expected = module(x) + x @ (one.alpha / one.rank * one.up @ one.down).T
    lora.put(base, {"unet": {UNET_PATH: one}}, "a")
    torch.testing.assert_close(base.pipeline.unet.get_submodule(UNET_PATH)(x), expected)


@pytest.mark.parametrize("write", [lora_formats.write_diffusers, lora_formats.write_kohya])
def test_files_give_back_what_was_written(base, write):
    expected = every_kind(base)
    data = write(expected, {"saggar.licence": "CC0-1.0"})
    found = lora_formats.read(data, lora.modules(base))
    assert_equal(found.lora, expected)
    assert found.unmatched == ()
    assert found.metadata["saggar.licence"] == "CC0-1.0"
    assert write(expected, {"saggar.licence": "CC0-1.0"}) == data


@pytest.mark.parametrize("write", [lora_formats.write_diffusers, lora_formats.write_kohya])
def test_diffusers_loads_our_files_to_the_same_effect(base, folder, tmp_path, write):
    layers = every_kind(base)
    if write is lora_formats.write_kohya:
        # Of kohya's keys diffusers 0.42 mistakes conv_in and alphas that differ, and drops the text encoder's
        # attention layers with a warning when transformers is 5.
        unet = {path: replace(one, alpha=3.0) for path, one in layers["unet"].items() if path != "conv_in"}
        layers = {"unet": unet}
    lora.put(base, layers, "a")
    expected = answer(base.pipeline)
    (tmp_path / "adapter.safetensors").write_bytes(write(layers, {}))
    pipeline = StableDiffusionPipeline.from_pretrained(folder, use_safetensors=True, safety_checker=None)
    pipeline.load_lora_weights(tmp_path, weight_name="adapter.safetensors", adapter_name="b")
    torch.testing.assert_close(answer(pipeline), expected)


def test_kohya_keys_follow_its_rule(base):
    tensors = lora_formats.to_kohya(every_kind(base))
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    assert tensors[f"{name}.lora_down.weight"].shape == (2, 16)
    assert tensors[f"{name}.lora_up.weight"].shape == (16, 2)
    assert tensors[f"{name}.alpha"].item() == 4.0
    block = "lora_unet_down_blocks_0_attentions_0"
    assert f"{block}_transformer_blocks_0_ff_net_0_proj.lora_down.weight" in tensors
    assert f"{block}_transformer_blocks_0_attn2_to_out_0.alpha" in tensors
    assert tensors[f"{block}_proj_in.lora_down.weight"].ndim == 4
    assert "lora_te_text_model_encoder_layers_1_self_attn_q_proj.lora_up.weight" in tensors
    assert len(tensors) == 3 * 9


def test_diffusers_converter_reads_kohya_keys_as_we_do(base):
    """An independent reading: its names, ours, tensor by tensor."""
    layers = every_kind(base)
    del layers["unet"]["conv_in"]
    theirs, alphas = _convert_non_diffusers_lora_to_diffusers(lora_formats.to_kohya(layers))
    tensors = {**theirs, **{key: torch.tensor(value) for key, value in alphas.items()}}
    found, unmatched, _ = lora_formats.from_diffusers(
        {key: value for key, value in tensors.items() if not key.endswith(".alpha")}, {}
    )
    assert unmatched == []
    for part, expected in layers.items():
        assert found[part].keys() == expected.keys()
        for path, one in expected.items():
            assert torch.equal(found[part][path].down, one.down)
            assert torch.equal(found[part][path].up, one.up)
    assert sorted(alphas.values()) == sorted(one.alpha for part in layers.values() for one in part.values())


def test_a_missing_alpha_is_the_rank(base):
    tensors = lora_formats.to_kohya({"unet": {UNET_PATH: every_kind(base)["unet"][UNET_PATH]}})
    bare = {key: value for key, value in tensors.items() if not key.endswith(".alpha")}
    found, _, _ = lora_formats.from_kohya(bare, lora.modules(base))
    assert found["unet"][UNET_PATH].alpha == 2


def test_te1_is_the_text_encoder_too(base):
    tensors = {
        key.replace("lora_te_", "lora_te1_"): value for key, value in lora_formats.to_kohya(every_kind(base)).items()
    }
    found, unmatched, _ = lora_formats.from_kohya(tensors, lora.modules(base))
    assert unmatched == []
    assert len(found["text_encoder"]) == 2


def test_keys_of_older_diffusers_are_read(base):
    one = every_kind(base)["unet"][UNET_PATH]
    processor = UNET_PATH.replace("attn1.to_q", "attn1.processor.to_out_lora")
    tensors = {
        f"unet.{processor}.down.weight": one.down,
        f"unet.{processor}.up.weight": one.up,
        f"unet.{UNET_PATH}.lora.down.weight": one.down,
        f"unet.{UNET_PATH}.lora.up.weight": one.up,
        "text_encoder.text_model.encoder.layers.0.self_attn.to_v_lora.down.weight": one.down,
        "text_encoder.text_model.encoder.layers.0.self_attn.to_v_lora.up.weight": one.up,
        f"base_model.model.{UNET_PATH.replace('to_q', 'to_k')}.lora_A.weight": one.down,
        f"base_model.model.{UNET_PATH.replace('to_q', 'to_k')}.lora_B.weight": one.up,
    }
    found, unmatched, _ = lora_formats.from_diffusers(tensors, {})
    assert unmatched == []
    assert found["unet"].keys() == {UNET_PATH.replace("to_q", x) for x in ("to_q", "to_k", "to_out.0")}
    assert found["text_encoder"].keys() == {"encoder.layers.0.self_attn.v_proj"}
    assert lora.mismatches(base, found) == []


def test_rank_stabilised_adapters_keep_their_strength(base):
    one = every_kind(base)["unet"][UNET_PATH]
    settings = {"unet.r": 2, "unet.lora_alpha": 3, "unet.use_rslora": True}
    tensors = lora_formats.to_diffusers({"unet": {UNET_PATH: one}})
    found, _, _ = lora_formats.from_diffusers(tensors, settings)
    assert found["unet"][UNET_PATH].alpha == pytest.approx(3 * 2**0.5)


def test_what_fits_nothing_is_named_and_leaves_nothing_behind(base):
    data = lora_formats.write_kohya(every_kind(base), {})
    tensors = safetensors.torch.load(data)
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors |= {
        "lora_unet_somewhere_else.lora_down.weight": torch.ones(2, 16),
        f"{name}.dora_scale": torch.ones(16),
    }
    del tensors["lora_unet_conv_in.lora_up.weight"]
    before = answer(base.pipeline)
    with pytest.raises(WrongStateError) as caught:
        adapter.attach(base, safetensors.torch.save(tensors), "a")
    for key in ("lora_unet_somewhere_else.lora_down", f"{name}.dora_scale", "lora_unet_conv_in.lora_down"):
        assert key in str(caught.value)
    assert torch.equal(answer(base.pipeline), before)


def test_shapes_that_do_not_fit_are_named_on_both_sides(base):
    one = LoraLayer(torch.ones(2, 8), torch.ones(16, 2), 2)
    with pytest.raises(WrongStateError, match=r"attn1.to_q is \[2, 8\] and \[16, 2\]; that layer takes \[2, 16\]"):
        lora.put(base, {"unet": {UNET_PATH: one}}, "a")


@pytest.mark.parametrize(
    ("data", "error", "complaint"),
    [
        (b"PK\x03\x04 a pickle", InvalidInputError, "ZIP archive or a pickle"),
        (b"", InvalidInputError, "is empty"),
        (safetensors.torch.save({}), WrongStateError, "no layers of a LoRA adapter"),
        (
            safetensors.torch.save(
                lora_formats.to_kohya({"unet": {UNET_PATH: LoraLayer(torch.ones(2, 16), torch.zeros(16, 2), 2)}})
            ),
            WrongStateError,
            "without effect",
        ),
        (
            safetensors.torch.save(
                lora_formats.to_kohya(
                    {"unet": {UNET_PATH: LoraLayer(torch.ones(2, 16), torch.full((16, 2), torch.nan), 2)}}
                )
            ),
            InvalidInputError,
            "not finite",
        ),
    ],
)
def test_a_file_without_effect_is_refused(base, data, error, complaint):
    with pytest.raises(error, match=complaint):
        adapter.attach(base, data, "a")


def test_adapters_take_part_together_each_at_its_weight(base):
    places = lora.modules(base)
    first = {"unet": {UNET_PATH: layer(places["unet"][UNET_PATH], 2, 2.0, 1)}}
    second = {"text_encoder": {TEXT_PATH: layer(places["text_encoder"][TEXT_PATH], 3, 3.0, 2)}}
    files = {name: lora_formats.write_kohya(one, {}) for name, one in (("1" * 64, first), ("2" * 64, second))}
    reads = []

    def wanted(name, weight):
        return adapter.WeightedAdapter(name, lambda: reads.append(name) or files[name], weight)

    bare = answer(base.pipeline)
    adapter.use_together(base, [wanted("1" * 64, 1.0), wanted("2" * 64, 1.0)])
    both = answer(base.pipeline)
    adapter.use_together(base, [wanted("1" * 64, 1.0), wanted("2" * 64, 0.0)])
    only_first = answer(base.pipeline)
    assert reads == ["1" * 64, "2" * 64]
    adapter.use(base, "1" * 64, lambda: files["1" * 64], 1.0)
    torch.testing.assert_close(answer(base.pipeline), only_first)
    adapter.use_together(base, [])
    torch.testing.assert_close(answer(base.pipeline), bare)
    assert not torch.allclose(both, only_first)
    assert not torch.allclose(bare, only_first)
