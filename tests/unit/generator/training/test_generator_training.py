"""Adapter training: the loss, resume, results and refusals."""

import json
import math
import threading
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from diffusers.training_utils import compute_snr
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import CancelledError, DataCorruptionError, InvalidInputError, WrongStateError
from saggar.job_settings.generation import GenerationSettings
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar_generator.adapters import adapter, lora
from saggar_generator.adapters.lora_formats import write_diffusers
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.images.image_index import ImageIndex
from saggar_generator.requests import ImageRequest, TrainingRequest
from saggar_generator.settings import ATTENTION
from saggar_generator.training import adapter_job
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.training.examples import EmbeddedText, Examples
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.noising import NoiseSchedule
from tiny_generation import TRAINING as SETTINGS
from tiny_pipeline import save_tiny_pipeline, training_manifest


def train(store, models, folder, settings=SETTINGS, *, cancel_at=None, reports=None):
    cancelled = threading.Event()

    def report(progress):
        if reports is not None:
            reports.append(progress)
        if cancel_at is not None and progress.stage == "training" and progress.done >= cancel_at:
            cancelled.set()

    manifest = training_manifest(store)
    return train_adapter(store, models, TrainingRequest(str(folder), manifest, settings), Work(report, cancelled))


def examples_for(base, count=5):
    random = torch.Generator().manual_seed(0)
    return Examples(
        latents=torch.randn(count, 4, 4, 4, generator=random),
        caption_of=torch.arange(count) % 2 + 1,
        text=EmbeddedText(torch.randn(3, 77, 16, generator=random)),
    )


def weights_of(training):
    return {name: weight.detach().clone() for name, weight in training._weights.items()}


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(models, folder):
    base = models.get(str(folder))
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as whole:
        losses = [whole.advance() for _ in range(6)]
        expected = weights_of(whole)
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as first:
        for _ in range(3):
            first.advance()
        state = first.checkpoint()
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as second:
        second.restore(state)
        assert second.step == 3
        for _ in range(3):
            second.advance()
        found = weights_of(second)
        assert second.losses == losses
        assert second.final_loss == losses[-1]
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert any(weight.abs().max() > 1e-3 for name, weight in expected.items() if "lora_B" in name)


def test_in_bfloat16_the_loss_falls_as_in_float32(folder):
    losses = {}
    for precision in ("float32", "bfloat16"):
        base = BaseModels(Placement("cpu", precision)).get(str(folder))
        with AdapterTraining(
            base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION, steps=8)
        ) as training:
            losses[precision] = [training.advance() for _ in range(8)]
            assert all(one.down.dtype == torch.float32 for one in training.layers()["unet"].values())
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.03)


def test_training_leaves_the_base_model_as_it_was(models, folder):
    base = models.get(str(folder))
    before = {name: value.clone() for name, value in base.pipeline.unet.state_dict().items()}
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as training:
        training.advance()
    after = base.pipeline.unet.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_adapters_of_earlier_work_do_not_reach_the_training(models, folder, tmp_path):
    """As after images by an adapter with text encoder layers: captions are encoded by the bare one."""
    expected = train(DirectoryStore(tmp_path / "before"), models, folder)
    base = models.get(str(folder))
    lora.add_fresh(base, "earlier", {"text_encoder": lora.TEXT_ENCODER_TARGETS}, SETTINGS)
    for name, weight in base.pipeline.text_encoder.named_parameters():
        if "lora" in name:
            weight.data.fill_(1.0)
    found = train(DirectoryStore(tmp_path / "after"), models, folder)
    assert found.weights.sha256 == expected.weights.sha256


def test_a_checkpoint_left_by_a_crash_goes_when_the_adapter_is_found(models, folder, store):
    expected = train(store, models, folder)
    key = f"checkpoints/generator/{expected.adapter.key.split('/')[-2]}/state.safetensors"
    store.put(key, b"left", "application/octet-stream")
    assert train(store, models, folder) == expected
    assert not store.exists(key)


def test_half_precision_gives_up_when_no_scale_helps(models, folder):
    """A scaler leaves steps without a finite gradient out: for ever, if the model is to blame."""
    base = models.get(str(folder))
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as training:
        training._scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        before = weights_of(training)
        for weight in training._weights.values():
            weight.register_hook(lambda gradient: gradient * math.inf)
        training.advance()
        training.advance()
        with pytest.raises(WrongStateError, match=r"gradient's norm is (nan|inf) at step 3"):
            training.advance()
        assert all(torch.equal(before[name], weight) for name, weight in training._weights.items())


def test_offloaded_networks_are_not_trained_together(models, folder):
    base = models.get(str(folder))
    base = replace(base, placement=replace(base.placement, memory="offloaded"))
    with pytest.raises(WrongStateError, match="train_text_encoder to false"):
        AdapterTraining(base, examples_for(base), SETTINGS.with_values(train_text_encoder=True, unet_targets=ATTENTION))


def test_an_interrupted_job_ends_with_the_same_adapter(models, folder, tmp_path):
    whole, broken = DirectoryStore(tmp_path / "whole"), DirectoryStore(tmp_path / "broken")
    expected = train(whole, models, folder)
    with pytest.raises(CancelledError):
        train(broken, models, folder, cancel_at=1)
    reports = []
    found = train(broken, models, folder, reports=reports)
    assert found.weights.sha256 == expected.weights.sha256
    assert found.adapter.sha256 == expected.adapter.sha256
    assert list(broken.list("checkpoints/")) == []
    assert min(p.done for p in reports if p.stage == "training") > 1


def test_the_weights_bytes_are_the_same_every_time(models, folder):
    base = models.get(str(folder))
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as training:
        files = {write_diffusers(training.layers(), {"b": "1", "a": "2"}) for _ in range(8)}
    (data,) = files
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["__metadata__"].keys() == {"format", "lora_adapter_metadata", "a", "b"}
    assert safetensors.torch.load(data).keys() == header.keys() - {"__metadata__"}


def test_a_finished_adapter_is_returned_at_once(models, folder, store):
    first = train(store, models, folder)
    reports = []
    assert train(store, models, folder, SETTINGS.with_values(checkpoint_every_steps=5), reports=reports) == first
    assert {p.stage for p in reports} == {"loading base model"}
    assert train(store, models, folder, SETTINGS.with_values(seed=4)).weights != first.weights


def test_the_card_says_what_the_adapter_is(models, folder, store):
    done = train(store, models, folder)
    card = adapter.read_card(store, done.adapter)
    base = models.get(str(folder))
    assert done.adapter.key == f"adapters/{card.adapter_id}/adapter.json"
    assert (card.base_hash, card.base_model) == (base.content_hash, str(folder))
    assert card.weights.ref() == done.weights
    assert (card.steps, card.images, card.prediction_type) == (6, 6, "epsilon")
    assert card.caption_sample == "song dynasty , white bowl"
    assert card.settings["rank"] == 2
    assert card.settings["resolution_px"] == 16
    assert card.final_loss == done.final_loss > 0
    assert json.loads(store.read(done.adapter))["libraries"]["peft"]
    curve = json.loads(store.read(done.curve))
    assert len(curve["loss"]) == len(curve["learning_rate"]) == 6
    assert curve["loss"][-1] == pytest.approx(done.final_loss)


def test_diffusers_itself_loads_the_weights_with_rank_and_alpha(models, folder, store, tmp_path):
    done = train(store, models, folder)
    store.fetch(done.weights.key, tmp_path / "adapter.safetensors")
    pipeline = StableDiffusionPipeline.from_pretrained(folder, use_safetensors=True)
    pipeline.load_lora_weights(tmp_path, weight_name="adapter.safetensors", adapter_name="a")
    config = pipeline.unet.peft_config["a"]
    assert (config.r, config.lora_alpha) == (2, 4)
    changed = [name for name, _ in pipeline.unet.named_parameters() if "lora_B" in name]
    attention = [name for name, _ in pipeline.unet.named_modules() if name.endswith("to_q.base_layer")]
    assert len(changed) == 4 * len(attention) > 0


def test_min_snr_weights_follow_the_paper(models, folder):
    base = models.get(str(folder))
    schedule = NoiseSchedule.of(base)
    times = torch.tensor([0, 100, 500, 999])
    clean, noise = torch.randn(4, 4, 4, 4), torch.randn(4, 4, 4, 4)
    reference = DDPMScheduler.from_config(
        {k: v for k, v in base.scheduler_config.items() if k.startswith("beta") or k == "num_train_timesteps"}
    )
    snr = compute_snr(reference, times)  # diffusers' own
    noisy, target, weight = schedule.apply(clean, noise, times, 5.0)
    torch.testing.assert_close(noisy, reference.add_noise(clean, noise, times))
    torch.testing.assert_close(target, noise)
    torch.testing.assert_close(weight, torch.minimum(snr, torch.tensor(5.0)) / snr)
    velocity = NoiseSchedule(schedule.signal, "v_prediction")
    _, target, weight = velocity.apply(clean, noise, times, 5.0)
    torch.testing.assert_close(target, reference.get_velocity(clean, noise, times))
    torch.testing.assert_close(weight, torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))
    assert torch.equal(velocity.apply(clean, noise, times, 0.0)[2], torch.ones(4))


def test_every_epoch_goes_through_all_examples(models, folder):
    base = models.get(str(folder))
    with AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=ATTENTION)) as training:
        seen = []
        for step in range(5):  # 5 steps of 4 are 4 epochs of 5
            training.step = step
            seen += training._rows(5).tolist()
    epochs = [seen[i : i + 5] for i in range(0, 20, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_loss_that_is_not_finite_stops_with_the_remedy(models, folder):
    base = models.get(str(folder))
    broken = replace(examples_for(base), latents=torch.full((5, 4, 4, 4), math.nan))
    with (
        AdapterTraining(base, broken, SETTINGS.with_values(unet_targets=ATTENTION)) as training,
        pytest.raises(WrongStateError, match=r"nan at step 1.*lower learning_rate \(now 0\.01\)"),
    ):
        training.advance()


def test_an_unreadable_checkpoint_is_named(models, folder, store):
    identity = train(store, models, folder).adapter.key.split("/")[-2]
    store.delete(f"adapters/{identity}/adapter.json")
    key = f"checkpoints/generator/{identity}/state.safetensors"
    store.put(key, b"\x08\x00\x00\x00\x00\x00\x00\x00{}", "application/octet-stream")
    with pytest.raises(DataCorruptionError, match=f"^{key}: .* delete it from the store"):
        train(store, models, folder)


def test_too_little_memory_says_how_to_do_with_less(models, folder, store, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AdapterTraining, "advance", full)
    with pytest.raises(WrongStateError, match=r"not have enough memory.* gradient_accumulation_steps"):
        train(store, models, folder)
    monkeypatch.setattr(AdapterTraining, "advance", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(store, models, folder)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' schedulers
def test_a_job_that_is_cancelled_while_it_draws_keeps_its_steps(models, folder, store, monkeypatch):
    def draw_previews(*_):
        raise CancelledError("adapter training was cancelled")

    settings = SETTINGS.with_values(preview_every_steps=3, checkpoint_every_steps=100)
    expected = train(DirectoryStore(store.root / "other"), models, folder, settings).weights.sha256
    cancelled = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(adapter_job, "draw_previews", lambda *_: (cancelled.set(), draw_previews()), raising=True)
        request = TrainingRequest(str(folder), training_manifest(store), settings)
        with pytest.raises(CancelledError):
            train_adapter(store, models, request, Work(cancelled=cancelled))
    kept = list(store.list("checkpoints/generator/"))
    assert len(kept) == 1
    begun, restore = [], AdapterTraining.restore
    monkeypatch.setattr(AdapterTraining, "restore", lambda *given: begun.append(restore(*given)))
    assert train(store, models, folder, settings).weights.sha256 == expected
    assert len(begun) == 1


def test_targets_that_match_nothing_are_refused(models, folder):
    base = models.get(str(folder))
    with pytest.raises(InvalidInputError, match="SAGGAR_LORA_TARGETS"):
        AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=("to_nothing",)))
    with pytest.raises(InvalidInputError, match=r"no layer of the unet is called out_proj, _q; check"):
        AdapterTraining(base, examples_for(base), SETTINGS.with_values(unet_targets=("to_q", "out_proj", "_q")))
    assert not any("lora" in name for name, _ in base.pipeline.unet.named_parameters())


def test_a_corrected_configuration_is_another_base_model(tmp_path, store):
    folder = save_tiny_pipeline(tmp_path / "base")
    models = BaseModels(Placement("cpu", "float32"))
    wrong = train(store, models, folder)
    before = models.identify(str(folder))
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(path.read_text().replace('"epsilon"', '"v_prediction"'))
    after = models.identify(str(folder))
    assert after.content_hash == before.content_hash
    assert after.configuration_hash != before.configuration_hash
    base = models.get(str(folder))
    with pytest.raises(WrongStateError, match=r"predicted epsilon; .* predicts v_prediction"):
        adapter.check_base(adapter.read_card(store, wrong.adapter), base)
    assert train(store, models, folder).adapter.key != wrong.adapter.key
    image = ImageIndex(store).inputs(base, (), ImageRequest("bowl", "", 1), GenerationSettings())
    path = folder / "vae" / "config.json"
    path.write_text(path.read_text().replace("0.18215", "0.2"))
    rescaled = models.get(str(folder))
    assert ImageIndex(store).inputs(rescaled, (), ImageRequest("bowl", "", 1), GenerationSettings()) != image


def test_a_base_that_predicts_something_else_is_refused(tmp_path):
    place = save_tiny_pipeline(tmp_path / "base", prediction_type="sample")
    base = BaseModels(Placement("cpu", "float32")).get(str(place))
    with pytest.raises(WrongStateError, match="sample"):
        NoiseSchedule.of(base)


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({"split": "validation"}, "not of the training split.*validation"),
        ({"split": "test"}, "not of the training split"),
        ({"caption": None}, "no caption"),
    ],
)
def test_unfit_rows_are_refused_by_name(models, folder, store, record, complaint):
    good = Record(image="images/aa/x.png", object_id="o", labels={}, split="train", source="s", caption="c")
    manifest = write_manifest(store, Manifest.from_records([good, replace(good, **record)], ("type",)))
    with pytest.raises(InvalidInputError, match=f"row 1.*|{complaint}") as caught:
        train_adapter(store, models, TrainingRequest(str(folder), manifest, SETTINGS), Work())
    assert caught.value.violations[0].field == "manifest"


def test_an_empty_manifest_is_refused(models, folder, store):
    manifest = write_manifest(store, Manifest.from_records([], ("type",)))
    with pytest.raises(InvalidInputError, match="empty"):
        train_adapter(store, models, TrainingRequest(str(folder), manifest, SETTINGS), Work())


def test_a_resolution_that_the_autoencoder_cannot_take_is_refused(models, folder, store):
    with pytest.raises(InvalidInputError, match="multiple of 8"):
        train(store, models, folder, SETTINGS.with_values(resolution_px=20))
