"""Images: the same in any company, changed by the adapter, made once."""

import io
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler
from PIL import Image
from saggar.errors import CancelledError, InvalidInputError, StorageFullError, WrongStateError
from saggar.store import DirectoryStore
from saggar.webui.scheduler_names import SCHEDULERS
from saggar_generator.adapters import adapter
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.base_models.schedulers import build
from saggar_generator.images import generation_job
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.requests import ImageRequest, PromptItem
from tiny_generation import ITEMS, PROMPTS, SETTINGS, run, train, use
from tiny_pipeline import save_tiny_pipeline

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, models, folder):
    """A store with an adapter in it, and the adapter's reference."""
    store = DirectoryStore(tmp_path_factory.mktemp("trained"))
    return store, train(store, models, folder)


def pixels(models, folder, wanted, batch_size, settings=SETTINGS):
    base = models.get(str(folder))
    adapter.detach(base)
    settings = settings.with_values(width_px=base.size_px, height_px=base.size_px)
    encoded = encode_prompts(base, wanted, settings)
    pictures = [p for batch in draw(base, wanted, encoded, settings, batch_size) for p in batch]
    return np.stack([picture.pixels for picture in pictures])  # [N, 16, 16, 3]


def test_an_image_does_not_depend_on_its_company(models, folder):
    all_five = pixels(models, folder, PROMPTS, 4)  # a full batch, and one that is filled up
    assert all_five.shape == (5, 16, 16, 3)
    for order in ([4, 2, 0, 1, 3], [3], [1, 4]):
        found = pixels(models, folder, [PROMPTS[i] for i in order], 4)
        assert np.array_equal(found, all_five[order])
    assert len({image.tobytes() for image in all_five}) == 5  # seeds and prompts matter


def test_words_beyond_the_first_window_count_and_company_does_not(models, folder):
    tail = replace(PROMPTS[0], prompt=PROMPTS[0].prompt + ", white" * 90)
    other = replace(PROMPTS[0], prompt=PROMPTS[0].prompt + ", white" * 89 + ", celadon")
    negative = replace(PROMPTS[0], negative_prompt="modern " * 200)
    wanted = [PROMPTS[0], tail, PROMPTS[1], other, negative]
    together = pixels(models, folder, wanted, 4)
    assert np.array_equal(together, np.concatenate([pixels(models, folder, [one], 4) for one in wanted]))
    assert len({image.tobytes() for image in together}) == len(wanted)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_batch_size_changes_rounding_only(models, folder, scheduler):
    settings = SETTINGS.with_values(scheduler=scheduler)
    alone, together = (pixels(models, folder, PROMPTS, size, settings).astype(int) for size in (1, 5))
    assert np.abs(alone - together).max() <= 1


SD15_SCHEDULER = {  # as the file of Stable Diffusion 1.5: it does not say how steps are spaced
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "skip_prk_steps": True,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("euler", 999, 0), ("dpmpp_2m", 999, 50), ("unipc", 999, 50), ("ddim", 951, 1), ("plms", 951, 1)],
)
def test_steps_are_spaced_as_the_named_scheduler_spaces_them(name, first, last):
    scheduler = build(name, dict(PNDMScheduler.from_config(SD15_SCHEDULER).config))
    scheduler.set_timesteps(20)
    assert [int(scheduler.timesteps[0]), int(scheduler.timesteps[-1])] == [first, last]


def test_schedulers_and_guidance_make_a_difference(models, folder):
    default = pixels(models, folder, PROMPTS[:1], 1)
    for change in ({"scheduler": "euler_a"}, {"guidance_scale": 1.0}, {"clip_skip": 0}, {"steps": 5}):
        assert not np.array_equal(default, pixels(models, folder, PROMPTS[:1], 1, SETTINGS.with_values(**change)))


def test_without_guidance_the_negative_prompt_has_no_say(models, folder):
    settings = SETTINGS.with_values(guidance_scale=1.0)
    one, other = (
        pixels(models, folder, [replace(PROMPTS[0], negative_prompt=text)], 1, settings) for text in ("white", "modern")
    )
    assert np.array_equal(one, other)


def test_the_pipeline_and_the_service_draw_the_same(models, folder):
    """Against diffusers' own prompt encoding, which takes the last layer: clip_skip 0."""
    found = pixels(models, folder, PROMPTS[:1], 1, SETTINGS.with_values(clip_skip=0))
    pipeline = models.get(str(folder)).pipeline  # its scheduler is the one that was just used
    noise = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(PROMPTS[0].seed))
    image = pipeline(
        prompt=PROMPTS[0].prompt,
        negative_prompt=PROMPTS[0].negative_prompt,
        latents=noise,
        num_inference_steps=3,
        guidance_scale=7.0,
        output_type="np",
    ).images[0]
    assert np.abs((image * 255).round() - found[0]).max() <= 1


def test_the_adapter_changes_the_picture_and_repeats_itself(trained, models, folder, tmp_path):
    source, ref = trained
    plain = run(source, models, folder)
    adapted = run(source, models, folder, uses=[use(ref)])
    assert all(a.image != b.image for a, b in zip(plain, adapted, strict=True))
    second = DirectoryStore(tmp_path / "second")
    for key in source.list("adapters/"):
        second.put(key, source.get(key), "application/octet-stream")
    fresh = BaseModels(Placement("cpu", "float32"))
    assert [i.image for i in run(second, fresh, folder, uses=[use(ref)])] == [i.image for i in adapted]
    half = run(second, fresh, folder, ITEMS[:1], uses=[use(ref, 0.5)])
    none = run(second, fresh, folder, ITEMS[:1], uses=[use(ref, 0.0)])
    bare = run(second, fresh, folder, ITEMS[:1])
    assert len({half[0].image.key, adapted[0].image.key, bare[0].image.key}) == 3
    assert none[0].image == bare[0].image  # without weight it takes no part


def test_the_shipped_nano_draws(store):
    images = run(store, BaseModels(Placement("cpu", "float32")), "nano", ITEMS[:2])
    pictures = [np.asarray(Image.open(io.BytesIO(store.read(one.image)))) for one in images]
    assert all(picture.shape == (64, 64, 3) for picture in pictures)
    assert all(picture.std() > 10 for picture in pictures)  # something is in them
    assert [one.truncated_tokens for one in images] == [0, 0]


def test_an_adapter_for_another_base_is_refused_naming_both(trained, folder, tmp_path):
    source, ref = trained
    other = save_tiny_pipeline(tmp_path / "other", seed=1)
    with pytest.raises(WrongStateError) as caught:
        run(source, BaseModels(Placement("cpu", "float32")), other, uses=[use(ref)])
    assert str(folder) in str(caught.value)
    assert str(other) in str(caught.value)


def test_an_adapter_whose_keys_match_nothing_is_never_a_silent_no_op(models, folder):
    from safetensors.torch import save

    base = models.get(str(folder))
    strange = {f"unet.nowhere.to_q.lora_{x}.weight": torch.ones(2, 16) for x in "AB"}
    elsewhere = {"text_encoder.layers.0.lora_A.weight": torch.ones(2, 16)}
    for weights in (strange, elsewhere):
        with pytest.raises(WrongStateError, match="train an adapter on"):
            adapter.attach(base, save(weights), "stranger")
        assert not hasattr(base.pipeline.unet, "peft_config")


def test_every_image_is_made_once(store, models, folder):
    first = run(store, models, folder)
    assert [one.prompt_id for one in first] == ["p0", "p1", "p2", "p3", "p4"]
    assert not any(one.reused for one in first)
    again = run(store, models, folder, list(reversed(ITEMS)))
    assert all(one.reused for one in again)
    assert [one.image for one in reversed(again)] == [one.image for one in first]
    assert len(list(store.list("images/"))) == len(list(store.list("generated/"))) == 5


def test_equal_prompts_share_an_image(store, models, folder):
    twice = [PromptItem("a", PROMPTS[0]), PromptItem("b", PROMPTS[0])]
    heard = []
    one, other = run(store, models, folder, twice, on_image=heard.append)
    assert one.image == other.image
    assert (one.reused, other.reused) == (False, True)
    assert [image.prompt_id for image in heard] == ["a", "b"]
    assert len(list(store.list("images/"))) == 1


def test_a_cancelled_job_keeps_what_is_done_and_goes_on(store, models, folder, tmp_path):
    cancelled = threading.Event()
    with pytest.raises(CancelledError):
        run(store, models, folder, batch_size=2, on_image=lambda _: cancelled.set(), cancelled=cancelled)
    kept = len(list(store.list("generated/")))
    assert kept in {2, 4}  # the next batch was being drawn, or was drawn, when the first was there
    rest = run(store, models, folder, batch_size=2)
    assert [one.reused for one in rest] == [number < kept for number in range(5)]
    whole = run(DirectoryStore(tmp_path / "whole"), models, folder, batch_size=2)
    assert [one.image for one in rest] == [one.image for one in whole]


def test_what_is_drawn_is_kept_when_the_next_batch_fails(store, models, folder, monkeypatch):
    drawn = []

    def failing(*given, **named):
        for batch in draw(*given, **named):
            if drawn:
                raise WrongStateError("the device is gone")
            drawn.append(len(batch))
            yield batch

    monkeypatch.setattr(generation_job, "draw", failing)
    with pytest.raises(WrongStateError, match="the device is gone"):
        run(store, models, folder, batch_size=2)
    assert len(list(store.list("images/"))) == len(list(store.list("generated/"))) == 2


def test_an_image_that_cannot_be_kept_ends_the_job(models, folder, tmp_path):
    class Full(DirectoryStore):
        def put(self, key, data, media_type):
            if key.startswith("images/"):
                raise StorageFullError("the disk is full; make room")
            return super().put(key, data, media_type)

    heard = []
    with pytest.raises(StorageFullError, match="make room"):
        run(Full(tmp_path / "full"), models, folder, batch_size=1, on_image=heard.append)
    assert heard == []


def test_long_prompts_are_counted_per_image_and_logged(store, models, folder, caplog):
    long = PromptItem("long", ImageRequest("white " * 305, "", 1))
    with caplog.at_level("WARNING"):
        one, other = run(store, models, folder, [long, ITEMS[0]])
    assert (one.truncated_tokens, other.truncated_tokens) == (5, 0)
    assert "1 of 2 prompts are longer" in caplog.text
    assert run(store, models, folder, [long])[0].truncated_tokens == 5


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheduler": "dpm3000"}, "settings.scheduler"),
        ({"width_px": 20}, "settings.width_px"),
        ({"clip_skip": 3}, "settings.clip_skip"),
    ],
)
def test_settings_that_the_base_cannot_follow_are_refused(store, models, folder, change, field):
    with pytest.raises(InvalidInputError) as caught:
        run(store, models, folder, settings=SETTINGS.with_values(**change))
    assert [violation.field for violation in caught.value.violations] == [field]


def test_an_image_that_is_not_finite_is_an_error_not_a_black_picture(models, folder):
    base = models.get(str(folder))
    adapter.detach(base)
    settings = SETTINGS.with_values(width_px=16, height_px=16)
    encoded = {
        text: replace(one, embedding=one.embedding * float("nan"))
        for text, one in encode_prompts(base, PROMPTS[:1], settings).items()
    }
    with pytest.raises(WrongStateError, match="SAGGAR_PRECISION"):
        list(draw(base, PROMPTS[:1], encoded, settings, 1))
