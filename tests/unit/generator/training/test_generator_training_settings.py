"""What each setting of adapter training does, and that resuming is exact with every one of them."""

import json
import math
import threading

import pytest
import torch
from diffusers.optimization import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup
from saggar.dataset.record import Record
from saggar.errors import CancelledError, InvalidInputError, WrongStateError
from saggar.job_settings.adapter import AdapterSettings
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar_generator.adapters import adapter
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.requests import TrainingRequest
from saggar_generator.settings import ATTENTION
from saggar_generator.training.adapter_job import adapter_id, train_adapter
from saggar_generator.training.examples import EmbeddedText, Examples
from saggar_generator.training.held_out import LEVELS, hold_out
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.optimizing import rate_factor, text_encoder_rate
from tiny_pipeline import training_manifest

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SETTINGS = AdapterSettings(rank=2, alpha=4, steps=4, batch_size=2, learning_rate=1e-2, seed=3, checkpoint_every_steps=1)
VARIANTS = {
    "text encoder": {"train_text_encoder": True},
    "accumulation": {"gradient_accumulation_steps": 3},
    "checkpointing": {"gradient_checkpointing": True, "train_text_encoder": True},
    "noise and captions": {"noise_offset": 0.1, "caption_dropout": 0.5},
    "cosine": {"learning_rate_schedule": "cosine", "warm_up_steps": 2},
    "held out and previews": {
        "validation_share": 0.2,
        "validation_every_steps": 2,
        "preview_every_steps": 3,
        "preview_prompts": ("white bowl",),
    },
    "everything": {
        "train_text_encoder": True,
        "gradient_accumulation_steps": 2,
        "gradient_checkpointing": True,
        "noise_offset": 0.05,
        "caption_dropout": 0.2,
        "learning_rate_schedule": "linear",
        "validation_share": 0.3,
        "validation_every_steps": 1,
        "preview_every_steps": 2,
        "unet_targets": ("to_q", "ff.net.2", "conv1"),
    },
}


def train(store, models, folder, settings, *, stop_after=None, previews=None):
    cancelled = threading.Event()

    class Stopping(DirectoryStore):
        """Stops the work at the first checkpoint of step `stop_after` or later."""

        def replace(self, key, data, media_type):
            found = super().replace(key, data, media_type)
            if stop_after is not None and _step(data) >= stop_after:
                cancelled.set()
            return found

    return train_adapter(
        Stopping(store.root),
        models,
        TrainingRequest(str(folder), training_manifest(store), settings),
        Work(cancelled=cancelled),
        (previews if previews is not None else []).append,
    )


def _step(checkpoint):
    header = json.loads(checkpoint[8 : 8 + int.from_bytes(checkpoint[:8], "little")])
    return json.loads(header["__metadata__"]["state"])["step"]


def examples_for(count=6):
    random = torch.Generator().manual_seed(0)
    return Examples(
        latents=torch.randn(count, 4, 4, 4, generator=random),
        caption_of=torch.arange(count) % 2 + 1,
        text=EmbeddedText(torch.randn(3, 77, 16, generator=random)),
    )


def trained(models, folder, settings, placement=None):
    """Losses and layers after all steps."""
    base = models.get(str(folder))
    with AdapterTraining(base, examples_for(), settings.with_values(unet_targets=ATTENTION)) as training:
        losses = [training.advance() for _ in range(settings.steps)]
        return losses, training.layers()["unet"]


def assert_same(first, second, **tolerance):
    assert first.keys() == second.keys()
    for path, one in first.items():
        for values, others in ((one.down, second[path].down), (one.up, second[path].up)):
            if tolerance:
                torch.testing.assert_close(values, others, **tolerance)
            else:
                assert torch.equal(values, others), path


@pytest.mark.parametrize("name", VARIANTS)
def test_interrupted_at_any_checkpoint_it_ends_the_same(models, folder, tmp_path, name):
    settings = SETTINGS.with_values(**VARIANTS[name])
    whole = DirectoryStore(tmp_path / "whole")
    expected = train(whole, models, folder, settings)
    for step in range(1, settings.steps):
        broken = DirectoryStore(tmp_path / f"broken{step}")
        with pytest.raises(CancelledError):
            train(broken, models, folder, settings, stop_after=step)
        assert train(broken, models, folder, settings) == expected, f"stopped after step {step}"


def test_interrupted_after_every_step_it_ends_the_same(models, folder, tmp_path):
    settings = SETTINGS.with_values(**VARIANTS["everything"])
    expected = train(DirectoryStore(tmp_path / "whole"), models, folder, settings)
    broken = DirectoryStore(tmp_path / "broken")
    for step in range(1, settings.steps):
        with pytest.raises(CancelledError):
            train(broken, models, folder, settings, stop_after=step)
    assert train(broken, models, folder, settings) == expected


def test_8_bit_moments_resume_exactly_too(models, folder):
    pytest.importorskip("bitsandbytes", reason="the generator's extra adam8bit is not installed")
    base = models.get(str(folder))
    # From 4,096 values on, moments are kept in 8 bits.
    settings = SETTINGS.with_values(optimizer="adamw8bit", rank=64, unet_targets=("net.0.proj",), steps=6)
    with AdapterTraining(base, examples_for(), settings) as whole:
        losses = [whole.advance() for _ in range(6)]
        expected = whole.layers()["unet"]
        kept = {
            value.dtype
            for one in whole._optimizer.state.values()
            for value in one.values()
            if isinstance(value, torch.Tensor)
        }
    assert torch.uint8 in kept
    with AdapterTraining(base, examples_for(), settings) as first:
        for _ in range(3):
            first.advance()
        state = first.checkpoint()
    with AdapterTraining(base, examples_for(), settings) as second:
        second.restore(state)
        for _ in range(3):
            second.advance()
        assert second.losses == losses
        assert_same(second.layers()["unet"], expected)


def test_8_bit_moments_without_their_library_say_what_to_install(models, folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(WrongStateError, match=r"saggar-generator\[adam8bit\]"):
        AdapterTraining(
            models.get(str(folder)), examples_for(), SETTINGS.with_values(optimizer="adamw8bit", unet_targets=ATTENTION)
        )


def test_accumulated_batches_equal_one_large_batch(models, folder):
    large = trained(models, folder, SETTINGS.with_values(batch_size=4))
    small = trained(models, folder, SETTINGS.with_values(batch_size=1, gradient_accumulation_steps=4))
    assert small[0] == pytest.approx(large[0], rel=1e-4)
    assert_same(small[1], large[1], rtol=1e-3, atol=1e-5)


def test_gradient_checkpointing_changes_nothing_but_memory(models, folder):
    plain = trained(models, folder, SETTINGS)
    saving = trained(models, folder, SETTINGS.with_values(gradient_checkpointing=True))
    assert saving[0] == plain[0]
    assert_same(saving[1], plain[1])
    assert not models.get(str(folder)).pipeline.unet.is_gradient_checkpointing


def test_bfloat16_trains_float32_weights(folder):
    models = BaseModels(Placement("cpu", "bfloat16"))
    losses, layers = trained(models, folder, SETTINGS)
    exact, _ = trained(BaseModels(Placement("cpu", "float32")), folder, SETTINGS)
    assert losses == pytest.approx(exact, rel=0.05)
    ups = torch.cat([one.up.flatten() for one in layers.values()])
    assert not torch.equal(ups, ups.bfloat16().float())


def test_the_text_encoder_is_trained_and_left_as_it_was(models, folder, store):
    base = models.get(str(folder))
    before = {key: value.clone() for key, value in base.pipeline.text_encoder.state_dict().items()}
    done = train(store, models, folder, SETTINGS.with_values(train_text_encoder=True))
    after = base.pipeline.text_encoder.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)
    found = adapter.read_layers(base, store.read(done.weights)).lora
    # All but the last layer, which CLIP skip leaves out: nothing it does reaches the images.
    moved = {path.split(".")[2] for path, one in found["text_encoder"].items() if one.up.any()}
    assert moved == {"0", "1"}
    assert len(found["text_encoder"]) == 4 * 3
    card = adapter.read_card(store, done.adapter)
    assert card.settings["train_text_encoder"] is True


def test_the_text_encoder_learns_at_half_the_rate_unless_told():
    assert text_encoder_rate(SETTINGS) == 5e-3
    assert text_encoder_rate(SETTINGS.with_values(text_encoder_learning_rate=1e-5)) == 1e-5


def test_a_noise_offset_shifts_whole_channels(models, folder):
    base = models.get(str(folder))
    shifts = []
    for offset in (0.0, 1.0):
        settings = SETTINGS.with_values(noise_offset=offset)
        with AdapterTraining(base, examples_for(), settings.with_values(unet_targets=ATTENTION)) as training:
            shifts.append(next(training._batches())[1].target)
    difference = shifts[1] - shifts[0]  # [B, C, h, w]: the target is the noise
    flat = difference.flatten(2)
    torch.testing.assert_close(flat, flat[..., :1].expand_as(flat))
    assert flat[..., 0].std() > 0.3


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (1.0, 400, 400), (0.25, 70, 130)])
def test_captions_are_left_out_as_often_as_told(models, folder, share, low, high):
    base = models.get(str(folder))
    with AdapterTraining(
        base, examples_for(), SETTINGS.with_values(caption_dropout=share, unet_targets=ATTENTION)
    ) as training:
        left_out = 0
        for step in range(200):
            training.step = step
            left_out += sum(int((batch.captions == 0).sum()) for _, batch, _ in training._batches())
    assert low <= left_out <= high


def test_schedules_follow_those_of_diffusers():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    steps, rising = 50, 10
    for name, build in (
        ("linear", get_linear_schedule_with_warmup),
        ("cosine", get_cosine_schedule_with_warmup),
    ):
        theirs = build(optimizer, rising, steps).lr_lambdas[0]
        for step in range(rising, steps):
            assert rate_factor(step, steps, rising, name) == pytest.approx(theirs(step))
    assert [rate_factor(step, 40, 4, "constant") for step in (0, 1, 3, 4, 39)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    assert all(rate_factor(step, 7, 3, name) > 0 for name in ("linear", "cosine") for step in range(7))


def test_warm_up_is_a_tenth_at_most_a_hundred():
    assert [SETTINGS.with_values(steps=steps).rising_steps for steps in (5, 40, 5000)] == [0, 4, 100]
    assert SETTINGS.with_values(steps=40, warm_up_steps=0).rising_steps == 0


def record(number, caption, *, augmented=False):
    return Record(
        image=f"images/{number}.png",
        object_id=f"o{number}",
        labels={},
        split="train",
        origin="augmented" if augmented else "real",
        source="s",
        caption=caption,
        augmentation_seed=1 if augmented else None,
    )


def test_held_out_objects_leave_training_whole_and_rare_ones_stay():
    rows = [record(number, "bowl") for number in range(20)]
    rows += [record(number, "bowl", augmented=True) for number in range(20)]
    rows += [record(20, "a rare vase"), record(20, "a rare vase", augmented=True)]
    kept, measured = hold_out(rows, 0.25, seed=1)
    objects = {rows[number].object_id for number in measured}
    assert len(objects) == len(measured) == 5
    assert objects.isdisjoint({rows[number].object_id for number in kept})
    assert len(kept) == len(rows) - 2 * 5
    assert all(rows[number].augmentation_seed is None for number in measured)
    assert "o20" not in objects
    assert hold_out(rows, 0.25, seed=1) == (kept, measured)
    assert hold_out(rows, 0.25, seed=2) != (kept, measured)


def test_where_all_are_alone_none_can_be_held_out():
    with pytest.raises(InvalidInputError, match="no two objects have the same caption"):
        hold_out([record(number, f"caption {number}") for number in range(5)], 0.5, seed=0)


def test_the_validation_loss_is_the_same_whenever_it_is_asked(models, folder):
    base = models.get(str(folder))
    with AdapterTraining(
        base, examples_for(), SETTINGS.with_values(unet_targets=ATTENTION), measured_by=examples_for(3)
    ) as training:
        first = training.measure()
        assert training.measure() == first
        for _ in range(3):
            training.advance()
        assert training.measure() != first
        assert [step for step, _ in training.validation] == [0, 0, 3]
    other = SETTINGS.with_values(seed=99, batch_size=5)
    with AdapterTraining(
        base, examples_for(), other.with_values(unet_targets=ATTENTION), measured_by=examples_for(3)
    ) as training:
        assert training.measure() == pytest.approx(first, rel=1e-5)
    assert LEVELS * 3 == 12


def test_the_job_keeps_curve_validation_and_previews(models, folder, store):
    settings = SETTINGS.with_values(**VARIANTS["held out and previews"])
    previews = []
    done = train(store, models, folder, settings, previews=previews)
    card = adapter.read_card(store, done.adapter)
    assert (card.images, card.held_out_images) == (5, 1)
    curve = json.loads(store.read(done.curve))
    assert [point["step"] for point in curve["validation"]] == [0, 2, 4]
    assert done.validation_loss == card.validation_loss == curve["validation"][-1]["loss"]
    assert [(one.step, one.prompt) for one in previews] == [(3, "white bowl"), (4, "white bowl")]
    assert [one.image.ref() for one in card.previews] == [one.image for one in previews]
    data = store.read(previews[0].image)
    assert data.startswith(b"\x89PNG")
    assert b"trainedAlgorithmicMedia" in data
    assert previews[0].image.key.startswith(f"adapters/{card.adapter_id}/previews/0000003-0-")
    assert len({one.image.sha256 for one in previews}) == 2


def test_other_previews_after_a_crash_are_drawn_anew(models, folder, tmp_path):
    """Killed before the first checkpoint, and asked for something else."""
    store, settings = DirectoryStore(tmp_path / "store"), SETTINGS.with_values(preview_every_steps=2)
    for prompt in ("white bowl", "yuan dynasty , celadon vase"):
        found = []
        settings = settings.with_values(preview_prompts=(prompt,))
        done = train(store, models, folder, settings, previews=found)
        fresh = []
        train(DirectoryStore(tmp_path / prompt[:3]), models, folder, settings, previews=fresh)
        assert [one.image.sha256 for one in found] == [one.image.sha256 for one in fresh]
        store.delete(done.adapter.key)


def test_looking_on_decides_nothing(models, folder, tmp_path):
    quiet = train(DirectoryStore(tmp_path / "a"), models, folder, SETTINGS)
    watched = SETTINGS.with_values(preview_every_steps=1, checkpoint_every_steps=3, gradient_checkpointing=True)
    assert train(DirectoryStore(tmp_path / "b"), models, folder, watched).weights == quiet.weights
    base = models.identify(str(folder))
    assert adapter_id(base, "m", watched) == adapter_id(base, "m", SETTINGS)
    for change in ({"noise_offset": 0.1}, {"validation_share": 0.1}, {"licence": "CC0-1.0"}, {"seed": 4}):
        assert adapter_id(base, "m", SETTINGS.with_values(**change)) != adapter_id(base, "m", SETTINGS)


def test_files_say_what_they_are(models, folder, store):
    from saggar_generator.checkpoint import metadata_of

    settings = SETTINGS.with_values(licence="CC-BY-4.0", caption_template="[Dynasty] dynasty, [Type]")
    done = train(store, models, folder, settings)
    base = models.get(str(folder))
    for ref in (done.weights, done.kohya_weights):
        said = metadata_of(store.read(ref))
        assert said["saggar.base_hash"] == base.content_hash
        assert said["saggar.licence"] == said["modelspec.license"] == "CC-BY-4.0"
        assert said["saggar.caption_template"] == "[Dynasty] dynasty, [Type]"
        assert said["saggar.dataset_id"] == training_manifest(store).key.split("/")[1]
        assert json.loads(said["saggar.settings"])["rank"] == 2
        assert (said["ss_network_module"], said["ss_network_dim"]) == ("networks.lora", "2")
        assert said["ss_clip_skip"] == "2"
        assert not any(str(folder) in text for text in said.values())
    kohya, diffusers = (adapter.read_layers(base, store.read(ref)).lora for ref in (done.kohya_weights, done.weights))
    assert_same(kohya["unet"], diffusers["unet"])


def test_a_gradient_that_is_not_finite_stops_training(models, folder):
    base = models.get(str(folder))
    with AdapterTraining(base, examples_for(), SETTINGS.with_values(unet_targets=ATTENTION)) as training:
        weight = next(iter(training._weights.values()))
        weight.register_hook(lambda gradient: gradient * math.inf)
        with pytest.raises(WrongStateError, match=r"gradient's norm is .* at step 1"):
            training.advance()
