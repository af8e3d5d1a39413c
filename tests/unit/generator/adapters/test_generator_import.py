"""Adapters of other programs, taken into the store."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, get_peft_model
from saggar.errors import InvalidInputError, NotFoundError, WrongStateError
from saggar_generator.adapters import adapter, lora, lora_formats
from saggar_generator.adapters.adapter_import import import_adapter
from saggar_generator.adapters.lora import LoraLayer
from saggar_generator.requests import ImportRequest

ATTENTION = "down_blocks_0_attentions_0_transformer_blocks_0_attn1"
KOHYA_METADATA = {
    "ss_network_module": "networks.lora",
    "ss_network_dim": "2",
    "ss_new_sd_model_hash": "f" * 64,
    "modelspec.license": "CC-BY-4.0",
}


def kohya_file(path, metadata=KOHYA_METADATA, **changes):
    """As sd-scripts writes it: half precision, an alpha beside every layer."""
    random = torch.Generator().manual_seed(0)
    tensors = {}
    for name in (
        f"lora_unet_{ATTENTION}_to_q",
        f"lora_unet_{ATTENTION}_to_out_0",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
    ):
        tensors[f"{name}.lora_down.weight"] = torch.randn(2, 16, generator=random).half()
        tensors[f"{name}.lora_up.weight"] = torch.randn(16, 2, generator=random).half()
        tensors[f"{name}.alpha"] = torch.tensor(1.0).half()
    safetensors.torch.save_file({**tensors, **changes}, path, metadata=metadata)
    return path


def take_in(store, models, folder, source, licence=""):
    return import_adapter(store, models, ImportRequest(str(folder), source, licence))


def test_a_file_of_kohya_becomes_an_adapter_like_ours(store, models, folder, tmp_path):
    path = kohya_file(tmp_path / "style.safetensors")
    done = take_in(store, models, folder, path)
    assert (done.unet_layers, done.text_encoder_layers) == (2, 1)
    assert "does not say which base model" in done.warnings[0]
    assert "ffffffffffff" in done.warnings[0]
    card = adapter.read_card(store, done.adapter)
    base = models.get(str(folder))
    adapter.check_base(card, base)
    assert (card.origin, card.licence) == ("imported", "CC-BY-4.0")
    assert card.metadata == KOHYA_METADATA
    assert store.read(card.source.ref()) == path.read_bytes()
    original = safetensors.torch.load_file(path)
    for ref in (done.weights, done.kohya_weights):
        layers = adapter.read_layers(base, store.read(ref)).lora
        one = layers["unet"]["down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"]
        assert torch.equal(one.up, original[f"lora_unet_{ATTENTION}_to_out_0.lora_up.weight"].float())
        assert (one.alpha, one.rank) == (1.0, 2)
    adapter.use(base, done.weights.sha256, lambda: store.read(done.weights), 1.0)
    assert lora.take(base, f"adapter-{done.weights.sha256[:16]}")["text_encoder"]
    adapter.detach(base)


def test_the_same_file_is_the_same_adapter(store, models, folder, tmp_path):
    path = kohya_file(tmp_path / "a.safetensors")
    first = take_in(store, models, folder, path)
    renamed = path.rename(tmp_path / "b.safetensors")
    assert take_in(store, models, folder, renamed) == first
    kept = store.put("uploads/a.safetensors", renamed.read_bytes(), adapter.WEIGHTS_TYPE)
    assert take_in(store, models, folder, kept) == first
    assert take_in(store, models, folder, renamed, "CC0-1.0").adapter != first.adapter


@pytest.mark.parametrize("stabilised", [False, True])
def test_a_file_of_peft_has_its_alpha_beside_it(store, models, folder, tmp_path, stabilised):
    """As peft itself writes it."""
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    config = LoraConfig(
        r=4, lora_alpha=32, target_modules=["to_q", "to_v"], use_rslora=stabilised, init_lora_weights=False
    )
    get_peft_model(unet, config).save_pretrained(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    done = take_in(store, models, folder, path)
    assert not any("alpha" in warning for warning in done.warnings)
    layers = adapter.read_layers(models.get(str(folder)), store.read(done.weights)).lora["unet"]
    assert {layer.alpha for layer in layers.values()} == {32 * 2 if stabilised else 32}  # 2: root of the rank
    (tmp_path / "adapter_config.json").unlink()
    alone = take_in(store, models, folder, path)
    assert any("adapter_config.json, which is not beside the file" in warning for warning in alone.warnings)
    assert alone.adapter.key != done.adapter.key


def test_what_we_wrote_comes_back_without_a_warning(store, models, folder, tmp_path):
    base = models.get(str(folder))
    path = tmp_path / "ours.safetensors"
    layers = {"unet": {"mid_block.resnets.0.time_emb_proj": LoraLayer(torch.ones(1, 64), torch.ones(16, 1), 1)}}
    path.write_bytes(lora_formats.write_diffusers(layers, {"saggar.base_hash": base.content_hash}))
    assert take_in(store, models, folder, path).warnings == ()
    path.write_bytes(lora_formats.write_diffusers(layers, {"saggar.base_hash": "0" * 64}))
    with pytest.raises(WrongStateError, match="trained on the base model 000000000000 and does not fit"):
        take_in(store, models, folder, path)


def test_a_key_that_fits_nothing_is_named(store, models, folder, tmp_path):
    path = kohya_file(tmp_path / "a.safetensors", **{"lora_unet_nowhere.lora_down.weight": torch.ones(2, 16)})
    with pytest.raises(WrongStateError, match=r"1 of the adapter's keys .*: lora_unet_nowhere.lora_down.weight"):
        take_in(store, models, folder, path)
    assert list(store.list("adapters/")) == []


def test_an_adapter_of_a_wider_model_is_refused(store, models, folder, tmp_path):
    name = f"lora_unet_{ATTENTION}_to_q"
    wider = {f"{name}.lora_down.weight": torch.ones(2, 320), f"{name}.lora_up.weight": torch.ones(320, 2)}
    path = kohya_file(tmp_path / "a.safetensors", **wider)
    with pytest.raises(WrongStateError, match=r"1 layers .* is \[2, 320\] and \[320, 2\]; that layer takes \[2, 16\]"):
        take_in(store, models, folder, path)
    assert list(store.list("adapters/")) == []


def test_missing_and_strange_files_are_named(store, models, folder, tmp_path):
    with pytest.raises(NotFoundError, match="no such file"):
        take_in(store, models, folder, Path("/nowhere/a.safetensors"))
    with pytest.raises(InvalidInputError, match="is a folder"):
        take_in(store, models, folder, tmp_path)
    pickle = tmp_path / "a.pt"
    pickle.write_bytes(b"PK\x03\x04")
    with pytest.raises(InvalidInputError, match=r"pickle of PyTorch.* save it as safetensors"):
        take_in(store, models, folder, pickle)
