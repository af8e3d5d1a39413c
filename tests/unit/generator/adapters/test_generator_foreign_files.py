"""Files that are not what they are taken for: each is refused as what it is, and taken where it can be."""

import json
import shutil

import pytest
import safetensors.torch
import torch
from saggar.errors import InvalidInputError, NotFoundError, SaggarError, WrongStateError
from saggar.store import DirectoryStore
from saggar_generator.adapters import adapter, file_kinds
from saggar_generator.adapters.adapter_import import import_adapter
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.requests import ImportRequest

LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
KOHYA = "lora_unet_" + LAYER.replace(".", "_")
PROJECTION = "down_blocks.0.attentions.0.proj_in"  # a 1 x 1 convolution
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 151108831\n"
NOT_WEIGHTS = {
    "pointer of Git LFS": POINTER,
    "pointer of git-annex": b"/annex/objects/SHA256E-s3--aa.safetensors\n",
    "web page": b"\n <!DOCTYPE html><html><head><title>Log in</title>",
    "JSON": b'{"error":"Access to model is restricted"}',
    "pickle": b"PK\x03\x04" + bytes(80),
    "GGUF": b"GGUF" + bytes(80),
    "compressed archive": b"\x1f\x8b" + bytes(80),
    "is empty": b"",
    "not a safetensors file": b"\x00" * 200,
    "cut off in its header": (500).to_bytes(8, "little") + b'{"a":',
}


@pytest.fixture(scope="module")
def base(folder):
    return BaseModels(Placement("cpu", "float32")).get(str(folder))


def pair(rank=2, outward=16, inward=16, scale=0.1):
    random = torch.Generator().manual_seed(rank)
    return (torch.randn(size, generator=random) * scale for size in ((rank, inward), (outward, rank)))


def kohya(alpha=1.0, **changes):
    down, up = pair()
    tensors = {f"{KOHYA}.lora_down.weight": down, f"{KOHYA}.lora_up.weight": up}
    if alpha is not None:
        tensors[f"{KOHYA}.alpha"] = torch.as_tensor(alpha)
    return {**tensors, **changes}


def saved(tensors, metadata=None):
    return safetensors.torch.save(tensors, metadata=metadata)


def taken(base, tensors, metadata=None):
    return adapter.read_layers(base, saved(tensors, metadata))


@pytest.mark.parametrize("what", NOT_WEIGHTS)
def test_what_is_no_safetensors_file_is_named(base, what):
    with pytest.raises(InvalidInputError, match=what) as caught:
        adapter.read_layers(base, NOT_WEIGHTS[what])
    assert "Access to model" not in str(caught.value)  # nobody's content is quoted


def test_a_file_that_is_cut_off_says_how_far_it_came(base):
    whole = saved(kohya())
    with pytest.raises(InvalidInputError, match=rf"cut off: it has {len(whole) - 3:,} of {len(whole):,} bytes"):
        adapter.read_layers(base, whole[:-3])


@pytest.mark.parametrize("content", [NOT_WEIGHTS["pointer of Git LFS"], NOT_WEIGHTS["web page"], b"\x00" * 200])
@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model", "text_encoder/model", "vae/diffusion_pytorch_model"])
def test_a_base_model_cloned_without_its_weights_is_found_before_it_is_loaded(folder, tmp_path, content, part):
    shutil.copytree(folder, tmp_path / "clone")
    (tmp_path / "clone" / f"{part}.safetensors").write_bytes(content)
    with pytest.raises(InvalidInputError, match=rf"{part}.safetensors is "):
        BaseModels(Placement("cpu", "float32")).identify(str(tmp_path / "clone"))


@pytest.mark.parametrize(
    "lost", ["unet/config.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer.json", "vae/config.json"]
)
def test_a_base_model_that_is_not_whole_is_found_before_it_is_loaded(folder, tmp_path, lost):
    shutil.copytree(folder, tmp_path / "part")
    (tmp_path / "part" / lost).unlink()
    with pytest.raises(NotFoundError, match=f"has no {lost}; a base model is a whole folder"):
        BaseModels(Placement("cpu", "float32")).identify(str(tmp_path / "part"))


def test_an_inpainting_model_is_found_before_it_is_loaded(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "inpainting")
    path = tmp_path / "inpainting" / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"in_channels": 9}))
    with pytest.raises(InvalidInputError, match="takes 9 channels, not 4: a model for inpainting"):
        BaseModels(Placement("cpu", "float32")).identify(str(tmp_path / "inpainting"))


@pytest.mark.parametrize(
    ("alpha", "error", "complaint"),
    [
        (float("nan"), InvalidInputError, "not finite"),
        (float("inf"), InvalidInputError, "not finite"),
        (0.0, WrongStateError, r"alpha is 0\): it would be without effect"),
        (1e30, InvalidInputError, "overflow half precision"),
        ([1.0, 2.0], WrongStateError, r"match nothing in"),
    ],
)
def test_alphas_that_make_no_sense_are_refused(base, alpha, error, complaint):
    with pytest.raises(error, match=complaint):
        taken(base, kohya(alpha))


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e30])
@pytest.mark.parametrize("half", ["lora_down", "lora_up"])
def test_weights_that_make_no_sense_are_refused(base, value, half):
    tensors = kohya()
    tensors[f"{KOHYA}.{half}.weight"][0, 0] = value
    with pytest.raises(InvalidInputError, match=f"unet {LAYER}"):
        taken(base, tensors)


@pytest.mark.parametrize(
    "halves",
    [
        (torch.zeros(0, 16), torch.zeros(16, 0)),  # rank 0
        (torch.ones(2, 16, dtype=torch.int8), torch.ones(16, 2, dtype=torch.int8)),  # quantised
        (torch.tensor(1.0), torch.tensor(1.0)),
        (torch.ones(2, 16, 1), torch.ones(16, 2, 1)),
    ],
)
def test_tensors_that_are_no_layer_are_refused(base, halves):
    tensors = dict(zip((f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight"), halves, strict=True))
    with pytest.raises(WrongStateError, match=r"2 of the adapter's keys match nothing.*\((of int8|its shape is)"):
        taken(base, tensors)


def test_two_programs_keys_for_one_layer_are_not_merged_in_silence(base):
    tensors = dict(zip((f"unet.{LAYER}.lora_A.weight", f"unet.{LAYER}.lora_B.weight"), pair(), strict=True))
    tensors |= dict(zip((f"unet.{LAYER}.lora.down.weight", f"unet.{LAYER}.lora.up.weight"), pair(), strict=True))
    with pytest.raises(WrongStateError, match=r"2 of the adapter's keys .*\(the same as unet"):
        taken(base, tensors)


def test_a_half_alone_and_a_complex_alpha_say_so(base):
    tensors = kohya()
    del tensors[f"{KOHYA}.lora_up.weight"]
    with pytest.raises(WrongStateError, match="without its up"):
        taken(base, tensors)
    with pytest.raises(WrongStateError, match="its alpha is not one number"):
        taken(base, kohya() | {f"{KOHYA}.alpha": torch.tensor(1 + 2j)})


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ('{"lora_alpha": 8, "alpha_pattern": [1]}', "no object of layers"),
        ('{"lora_alpha": 8, "alpha_pattern": {"(": 4}}', "is not read"),
        ('{"lora_alpha": 8, "alpha_pattern": {"(a|aa)+$": 4}}', "is not read"),  # would match for ever
        ('{"lora_alpha": 8, "alpha_pattern": {"(.*.*.*.*.*.*.*.*)*z": 4}}', "is not read"),
        (f'{{"lora_alpha": 1{"0" * 400}}}', "no number"),
        ('{"lora_alpha": 8, "use_rslora": "false"}', "true or false"),
        ('{"lora_alpha": 8, "use_dora": true}', "DoRA"),
        ('{"lora_alpha": 8, "peft_type": "LOHA"}', "'LOHA'"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no JSON object"),
    ],
)
def test_settings_of_peft_that_make_no_sense_are_refused(base, settings, complaint):
    down, up = pair()
    layer = {f"{LAYER}.lora_A.weight": down, f"{LAYER}.lora_B.weight": up}
    with pytest.raises(InvalidInputError, match=complaint):
        adapter.read_layers(base, saved({f"base_model.model.{k}": v for k, v in layer.items()}), settings.encode())


def test_many_patterns_of_peft_take_no_time(base):
    down, up = pair()
    tensors = {f"base_model.model.{LAYER}.lora_A.weight": down, f"base_model.model.{LAYER}.lora_B.weight": up}
    for count, told in ((4000, None), (5000, "5,001 entries")):
        patterns = {f"up_blocks.{n}.to_q": 1 for n in range(count)} | {LAYER: 4}
        settings = json.dumps({"lora_alpha": 8, "alpha_pattern": patterns}).encode()
        if told:
            with pytest.raises(InvalidInputError, match=told):
                adapter.read_layers(base, saved(tensors), settings)
        else:
            assert adapter.read_layers(base, saved(tensors), settings).lora["unet"][LAYER].alpha == 4


@pytest.mark.parametrize("pattern", [LAYER, "^down_blocks", r".*attn1\.to_q$", "to_q"])
def test_plain_patterns_of_peft_are_read(base, pattern):
    down, up = pair()
    tensors = {f"base_model.model.{LAYER}.lora_A.weight": down, f"base_model.model.{LAYER}.lora_B.weight": up}
    settings = f'{{"lora_alpha": 8, "alpha_pattern": {{"{pattern}": 4}}}}'.replace("\\", "\\\\")
    assert adapter.read_layers(base, saved(tensors), settings.encode()).lora["unet"][LAYER].alpha in {4.0, 8.0}


def test_a_layer_without_effect_among_others_is_said(base, folder, tmp_path):
    down, up = pair()
    other = KOHYA.replace("to_q", "to_v")
    tensors = kohya(
        **{f"{other}.lora_down.weight": down, f"{other}.lora_up.weight": up, f"{other}.alpha": torch.zeros(())}
    )
    assert "1 of 2 layers are without effect" in " ".join(warnings_of(folder, tmp_path, tensors))
    tensors |= {f"{other}.lora_up.weight": torch.zeros_like(up), f"{other}.alpha": torch.ones(())}
    assert "without effect" not in " ".join(warnings_of(folder, tmp_path, tensors))  # as skipped layers are


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({"modelspec.title": "LCM LoRA SD 1.5"}, "distilled"),
        ({"ss_output_name": "Hyper-SD15-8steps-lora"}, "distilled"),
        ({"ss_sd_model_name": "sd-v1-5-inpainting.safetensors"}, "inpainting"),
    ],
)
def test_what_a_special_adapter_is_for_is_said(folder, tmp_path, metadata, what):
    assert what in " ".join(warnings_of(folder, tmp_path, kohya(), metadata))


def warnings_of(folder, tmp_path, tensors, metadata=None):
    path = tmp_path / "a.safetensors"
    path.write_bytes(saved(tensors, metadata))
    models = BaseModels(Placement("cpu", "float32"))
    return import_adapter(DirectoryStore(tmp_path / "store"), models, ImportRequest(str(folder), path)).warnings


def test_a_missing_alpha_is_the_rank_and_said(base, folder, tmp_path):
    assert taken(base, kohya(None)).lora["unet"][LAYER].alpha == 2.0
    assert "1 of 1 layers have no alpha in the file" in " ".join(warnings_of(folder, tmp_path, kohya(None)))
    assert "alpha" not in " ".join(warnings_of(folder, tmp_path, kohya()))


def test_flat_1_x_1_convolutions_are_the_same_as_kernels(base):
    down, up = pair()
    name = "lora_unet_" + PROJECTION.replace(".", "_")
    flat = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
    kernels = {key: value[:, :, None, None] for key, value in flat.items()}
    found, expected = (taken(base, one).lora["unet"][PROJECTION] for one in (flat, kernels))
    assert torch.equal(found.down, expected.down)
    assert torch.equal(found.up, expected.up)
    linear = taken(base, {key: value[:, :, None, None] for key, value in kohya(None).items()}).lora["unet"][LAYER]
    assert linear.down.shape == (2, 16)


def test_pefts_folder_of_the_text_encoder_is_the_text_encoders(base):
    down, up = pair()
    own = json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 8}).encode()
    for root in ("text_model.", ""):
        layer = f"base_model.model.{root}encoder.layers.0.self_attn.q_proj"
        data = saved({f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up})
        found = adapter.read_layers(base, data, own)
        assert {part: list(layers) for part, layers in found.lora.items()} == {
            "unet": [],
            "text_encoder": ["encoder.layers.0.self_attn.q_proj"],
        }
        assert found.lora["text_encoder"]["encoder.layers.0.self_attn.q_proj"].alpha == 8.0


def test_a_folder_is_answered_with_its_files(folder, tmp_path):
    (tmp_path / "lora" / "unet").mkdir(parents=True)
    (tmp_path / "lora" / "unet" / "adapter_model.safetensors").write_bytes(saved(kohya()))
    models = BaseModels(Placement("cpu", "float32"))
    with pytest.raises(InvalidInputError, match=r"is a folder; give one of its files, unet/adapter_model.safetensors"):
        import_adapter(DirectoryStore(tmp_path / "s"), models, ImportRequest(str(folder), tmp_path / "lora"))


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (f"{KOHYA}.hada_w1_a", "LoHa"),
        (f"{KOHYA}.lokr_w1", "LoKr"),
        (f"{KOHYA}.dora_scale", "DoRA"),
        ("unet.down_blocks.0.attn1.to_q.lora_magnitude_vector", "DoRA"),
        (f"{KOHYA}.oft_blocks", "OFT"),
        (f"{KOHYA}.lora_mid.weight", "Tucker"),
        (f"{KOHYA}.diff_b", "whole weights"),
        ("lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight", "Stable Diffusion XL"),
        ("text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight", "Stable Diffusion XL"),
        ("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", "Flux"),
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "Flux"),
        ("transformer.joint_transformer_blocks.0.attn.to_q.lora_A.weight", "Stable Diffusion 3"),
        ("unet.output_blocks.5.1.to_q.lora_down.weight", "original Stable Diffusion code"),
        ("lora_unet_input_blocks_4_1_proj_in.lora_down.weight", "original Stable Diffusion code"),
        ("model.diffusion_model.input_blocks.0.0.weight", "whole base model"),
        ("down_blocks.0.resnets.0.conv1.weight", "part of a base model"),
        ("emb_params", "embedding"),
        ("image_proj.proj.weight", "IP-Adapter"),
        ("control_model.input_blocks.0.0.weight", "ControlNet"),
        ("down_blocks.0.motion_modules.0.proj_in.weight", "AnimateDiff"),
        ("768.0.linear.0.weight", "hypernetwork"),
        ("<ru-ware>", "embedding"),
        ("text_model.embeddings.position_embedding.weight", "part of a base model"),
        ("vision_model.vision_model.embeddings.class_embedding", "safety checker"),
        ("base_model.model.down_blocks.0.attn1.to_q.boft_R", "OFT"),
        ("base_model.vera_A", "VeRA"),
        ("base_model.model.down_blocks.0.attn1.to_q.lora_E", "AdaLoRA"),
        ("base_model.model.conv_in.modules_to_save.weight", "changes more than"),
        ("unet.down_blocks.0.attn1.to_q.lora_A.default.weight", "save_pretrained"),
        (f"{KOHYA}.scale_weight", "quantised"),
        ("body.0.block1.weight", "T2I-Adapter"),
        ("model.layers.0.self_attn.q_proj.weight", "language model"),
    ],
)
def test_other_kinds_of_adapters_are_named_by_their_keys(base, key, what):
    with pytest.raises(WrongStateError, match=f"the file .*{what}"):
        taken(base, {key: torch.ones(2, 2)})


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        (["lora_te2_text_model_x.alpha", "lora_unet_joint_blocks_0_x.alpha"], "Stable Diffusion 3"),
        (["lora_te2_text_model_x.alpha", "lora_te3_encoder_block_0_x.alpha"], "Stable Diffusion 3"),
        (["text_encoder_2.x.lora_A.weight", "text_encoder_3.x.lora_A.weight"], "Stable Diffusion 3"),
        (["text_encoder_2.x.lora_A.weight", "transformer.single_transformer_blocks.0.x.lora_A.weight"], "Flux"),
        (["lora_te2_x.alpha", "lora_unet_double_blocks_0_img_attn_qkv.alpha"], "Flux"),
        (["lora_unet_blocks_0_self_attn_q.alpha"], "diffusion transformer"),
        (["lora_unet_transformer_blocks_0_attn_to_q.alpha"], "diffusion transformer"),
        (["lora_unet_layers_0_attention_qkv.alpha"], "diffusion transformer"),
        (["lora_te2_x.alpha", "lora_unet_down_blocks_1_attentions_0_transformer_blocks_1_x.alpha"], "Diffusion XL"),
        (["bundle_emb.word.string_to_param.*"], "embedding"),
    ],
)
def test_a_text_encoder_that_several_models_have_does_not_name_one(base, keys, what):
    with pytest.raises(WrongStateError, match=f"the file .*{what}"):
        taken(base, {key: torch.ones(2, 2) for key in keys})


def test_our_own_files_are_no_other_kind(base):
    layers = taken(base, kohya()).lora
    from saggar_generator.adapters.lora_formats import to_diffusers, to_kohya

    for tensors in (to_diffusers(layers), to_kohya(layers)):
        assert file_kinds.named(tensors) is None


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "is of Stable Diffusion XL"),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "is of Stable Diffusion XL"),
        ({"modelspec.architecture": "flux-1-dev/lora"}, "is of Flux"),
        ({"modelspec.architecture": "stable-diffusion-v3-medium/lora", "ss_base_model_version": "sd3"}, "Diffusion 3"),
        ({"modelspec.prediction_type": "v"}, "predicts v_prediction, .* predicts epsilon"),
        ({"ss_base_model_version": "sd_v2_v"}, "predicts v_prediction"),
    ],
)
def test_metadata_of_another_base_model_is_read(folder, tmp_path, metadata, what):
    with pytest.raises(WrongStateError, match=what):
        warnings_of(folder, tmp_path, kohya(), metadata)


@pytest.mark.parametrize(
    "metadata",
    [
        {"modelspec.architecture": "stable-diffusion-v1/lora", "modelspec.prediction_type": "epsilon"},
        {"ss_base_model_version": "sd_v1", "ss_v2": "False"},
        {"ss_network_module": "networks.lora"},
    ],
)
def test_metadata_of_such_a_base_model_is_no_hindrance(folder, tmp_path, metadata):
    assert warnings_of(folder, tmp_path, kohya(), metadata)  # only that the base model is not named


def test_no_content_of_a_foreign_file_crashes(base):
    """Each is either taken or refused in words."""
    refused = []
    whole = saved(kohya())
    for cut in range(0, len(whole), 7):
        for data in (whole[:cut], whole[cut:], whole[:cut] + b"\xff" + whole[cut + 1 :]):
            try:
                adapter.read_layers(base, data)
            except SaggarError as error:
                refused.append(str(error))
    assert len(refused) > 50
    assert all("adapter" in text for text in refused)
