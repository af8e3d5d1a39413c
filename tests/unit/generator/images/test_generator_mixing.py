"""Adapters combined and named in prompts, photographs to start from: what decides an image."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from saggar.errors import InvalidInputError, NotFoundError, WrongStateError
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.webui.scheduler_names import SCHEDULERS
from saggar_generator.adapters import adapter
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.images.photographs.starting import read_photograph
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.requests import AdapterUse, ImageRequest, PromptItem, StartImage
from tiny_generation import ITEMS, PROMPTS, SETTINGS, run, train, use

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def adapters(tmp_path_factory, models, folder):
    """A store with three adapters: for the UNet, for it with another seed, and for both networks."""
    store = DirectoryStore(tmp_path_factory.mktemp("trained"))
    glaze = train(store, models, folder)
    form = train(store, models, folder, seed=1)
    both = train(store, models, folder, seed=2, train_text_encoder=True)
    return store, glaze, form, both


@pytest.fixture
def store(adapters, tmp_path):
    """A fresh store that has the adapters and no images."""
    fresh = DirectoryStore(tmp_path / "store")
    for key in adapters[0].list("adapters/"):
        fresh.put(key, adapters[0].get(key), "application/octet-stream")
    return fresh


def item(prompt, number=0, seed=7, **changes):
    return PromptItem(f"i{number}", replace(ImageRequest(prompt, "blurry", seed), **changes))


def shown(store, image):
    return np.asarray(Image.open(io.BytesIO(store.read(image.image)))).astype(int)


def test_a_prompt_names_an_adapters_weight(store, models, folder, adapters):
    _, glaze, form, _ = adapters
    both = [use(glaze, 0.4, "glaze"), use(form, 0.4, "form")]
    items = [
        item("white bowl", 0),
        item("white bowl <lora:glaze:1.5>", 1),
        item("<lora:form:0> white bowl <lora:glaze:1.5>", 2),
        item("white bowl <lora:glaze>", 3),
    ]
    plain, heavy, alone, same = run(store, models, folder, items, uses=both)
    assert same.image == plain.image  # without a weight of its own it takes the request's
    assert len({plain.image, heavy.image, alone.image}) == 3
    (single,) = run(store, models, folder, [item("white bowl")], uses=[use(glaze, 1.5, "other-name")])
    assert single.reused
    assert single.image == alone.image  # a form of weight 0 takes no part; the text is the same; names decide nothing


def test_adapters_are_added_up_whatever_their_order(store, models, folder, adapters):
    """Bytes depend neither on the order of adapters nor on which were in the pipeline before."""
    _, glaze, form, both = adapters
    three = [use(glaze, 0.7, "a"), use(form, -0.5, "b"), use(both, 1.2, "c")]
    images = [one.image for one in run(store, models, folder, uses=three)]
    other = DirectoryStore(store.root.parent / "other")
    for key in store.list("adapters/"):
        other.put(key, store.get(key), "application/octet-stream")
    run(other, models, folder, ITEMS[:1], uses=[use(form)])
    run(other, models, folder, ITEMS[:1], uses=[use(both), use(form, 2.0, "x")])
    run(other, models, folder, ITEMS[:1])
    assert [one.image for one in run(other, models, folder, uses=three[::-1])] == images


def test_an_adapters_sum_is_the_sum_of_updates(store, models, folder, adapters):
    """One adapter under two names at 0.5 each is the same adapter at 1; combined ones differ from either."""
    _, glaze, form, _ = adapters
    whole = run(store, models, folder, ITEMS[:1], uses=[use(glaze, 1.0)])
    halves = run(store, models, folder, ITEMS[:1], uses=[use(glaze, 0.5, "a"), use(glaze, 0.5, "b")])
    assert halves[0].image == whole[0].image
    mixed = run(store, models, folder, ITEMS[:1], uses=[use(glaze, 1.0), use(form, 1.0, "form")])
    alone = run(store, models, folder, ITEMS[:1], uses=[use(form, 1.0)])
    assert len({whole[0].image, mixed[0].image, alone[0].image}) == 3


def test_an_adapter_of_the_text_encoder_changes_how_prompts_are_read(store, models, folder, adapters):
    """Only the UNet's part of it left out tells the difference."""
    *_, both = adapters
    base = models.get(str(folder))
    card = adapter.read_card(store, both)
    adapter.use(base, card.weights.sha256, lambda: store.read(card.weights.ref()), 1.0)
    changed = encode_prompts(base, PROMPTS[:1], SETTINGS)[PROMPTS[0].prompt].embedding
    adapter.detach(base)
    plain = encode_prompts(base, PROMPTS[:1], SETTINGS)[PROMPTS[0].prompt].embedding
    assert not torch.allclose(changed, plain)


def test_what_a_prompt_may_not_say_is_refused_before_anything_is_loaded(store, folder, adapters):
    _, glaze, *_ = adapters
    untouched = BaseModels(Placement("cpu", "float32"))
    items = [item("white bowl <lora:glase:1>"), item("a (white:1.3) bowl", 1), item("bowl", 2)]
    items.append(item("bowl", 3, negative_prompt="blurry <lora:glaze:1>"))
    with pytest.raises(InvalidInputError, match=r"'glase'; known: glaze.*\(white:1\.3\)") as caught:
        run(store, untouched, folder, items, uses=[use(glaze)])
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["prompts[0].prompt", "prompts[1].prompt", "prompts[3].negative_prompt"]
    with pytest.raises(InvalidInputError, match="this request has none"):
        run(store, untouched, folder, items[:1])
    assert untouched.loaded_spec == ""


@pytest.fixture
def photographs(store):
    rng = np.random.default_rng(4)
    made = []
    for size in ((40, 30), (16, 16)):
        picture = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)).resize(size)
        out = io.BytesIO()
        picture.save(out, "PNG")
        made.append(put_image(store, out.getvalue(), "png"))
    return made


def test_an_image_can_start_from_a_photograph(store, models, folder, photographs):
    one, other = photographs
    items = [
        item("white bowl", 0),
        item("white bowl", 1, start=StartImage(one, 0.9)),
        item("white bowl", 2, start=StartImage(other, 0.9)),
        item("white bowl", 3, start=StartImage(other, 0.4)),
    ]
    found = run(store, models, folder, items)
    assert len({image.image for image in found}) == 4
    assert all(image.reused for image in run(store, models, folder, items))
    fresh = DirectoryStore(store.root.parent / "fresh")
    for ref in photographs:
        fresh.put(ref.key, store.get(ref.key), ref.media_type)
    alone = run(fresh, models, folder, [items[2]])
    assert alone[0].image == found[2].image  # whatever else is in the request


def test_little_strength_leaves_the_photograph(store, models, folder, photographs):
    """Less of the photograph gives way at a lower strength, as the autoencoder alone would show it."""
    many = SETTINGS.with_values(steps=20)
    items = [item("white bowl", i, start=StartImage(photographs[1], s)) for i, s in enumerate((0.05, 0.5, 1.0))]
    base = models.get(str(folder))
    pixels = torch.from_numpy(shown(store, run_photograph(photographs[1]))).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        back = base.pipeline.vae.decode(base.pipeline.vae.encode(pixels.float()).latent_dist.mode()).sample
    through = ((back[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).numpy()
    found = [shown(store, image) for image in run(store, models, folder, items, settings=many)]
    distances = [float(np.abs(picture - through).mean()) for picture in found]
    assert distances == sorted(distances)
    assert distances[0] < distances[2] / 2


def run_photograph(ref):
    """A stored photograph where `shown` wants a generated image."""
    return type("Shown", (), {"image": ref})


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_batch_size_changes_rounding_only_from_photographs_too(store, models, folder, photographs, scheduler):
    """Against other batch sizes: at most 1 of 255."""
    base = models.get(str(folder))
    adapter.detach(base)
    settings = SETTINGS.with_values(steps=5, scheduler=scheduler, width_px=16, height_px=16)
    wanted = [replace(PROMPTS[i], start=StartImage(photographs[i % 2], 0.6)) for i in range(3)]
    encoded = encode_prompts(base, wanted, settings)

    def opened(start):
        return Image.open(io.BytesIO(store.read(start.image))).resize((16, 16))

    def pixels(size):
        batches = draw(base, wanted, encoded, settings, size, open_photograph=opened)
        return np.stack([picture.pixels for batch in batches for picture in batch]).astype(int)

    assert np.abs(pixels(1) - pixels(3)).max() <= 1


def test_a_start_may_be_padded_as_the_adapters_photographs_are(store, models, folder):
    tall = Image.new("RGB", (16, 64), (200, 200, 200))
    tall.paste((20, 40, 60), (4, 8, 12, 56))
    out = io.BytesIO()
    tall.save(out, "PNG")
    ref = store.put("images/cc/tall.png", out.getvalue(), "image/png")
    cropped, padded = (
        read_photograph(store, StartImage(ref, 0.6, framing), 32, 16).convert("L") for framing in ("crop", "pad")
    )
    assert cropped.size == padded.size == (32, 16)
    assert np.asarray(cropped).max() < 220 > np.asarray(padded)[:, 0].min() > 150  # ground beside the whole pot
    made = [run(store, models, folder, [item("bowl", start=StartImage(ref, 0.6, one))])[0] for one in ("crop", "pad")]
    assert made[0].image != made[1].image
    assert "framing" not in made[0].made_from
    assert '"framing": "pad"' in made[1].made_from


def test_no_progress_bar_is_drawn_into_the_log(store, models, folder, photographs, capfd):
    run(store, models, folder, [item("bowl"), item("bowl", start=StartImage(photographs[0], 0.6))])
    written = capfd.readouterr()
    assert "%|" not in written.err + written.out


def test_photographs_that_cannot_be_used_are_named(store, models, folder, photographs):
    gone = ObjectRef("images/aa/gone.png", "0" * 64, 5, "image/png")
    with pytest.raises(NotFoundError, match="gone"):
        run(store, models, folder, [item("bowl", start=StartImage(gone))])
    text = store.put("images/bb/text.png", b"no picture", "image/png")
    with pytest.raises(InvalidInputError, match=r"text\.png"):
        run(store, models, folder, [item("bowl", start=StartImage(text))])
    with pytest.raises(InvalidInputError, match=r"prompts\[0\]\.start\.strength") as caught:
        run(store, models, folder, [item("bowl", start=StartImage(photographs[0], 0.2))])  # of 3 steps
    assert "less than one" in str(caught.value)


def cramp(monkeypatch, base, most):
    """Gives the device memory for `most` images at once; the sizes of batches that it is asked for."""
    asked, call = [], type(base.pipeline).__call__

    def limited(pipeline, **arguments):
        asked.append(len(arguments["prompt_embeds"]))
        if asked[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return call(pipeline, **arguments)

    monkeypatch.setattr(type(base.pipeline), "__call__", limited)
    return asked


def test_a_batch_that_does_not_fit_is_halved(models, folder, monkeypatch):
    base = models.get(str(folder))
    adapter.detach(base)
    settings = SETTINGS.with_values(width_px=16, height_px=16)
    encoded = encode_prompts(base, PROMPTS, settings)
    plain = [p for batch in draw(base, PROMPTS, encoded, settings, 2) for p in batch]
    asked = cramp(monkeypatch, base, 2)
    pictures = [p for batch in draw(base, PROMPTS, encoded, settings, 8) for p in batch]
    assert asked == [8, 4, 2, 2, 2]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(pictures, plain, strict=True))
    cramp(monkeypatch, base, 0)
    with pytest.raises(WrongStateError, match="SAGGAR_MEMORY"):
        list(draw(base, PROMPTS, encoded, settings, 2))


def test_a_use_defaults_to_the_papers_weight():
    assert AdapterUse("a", ObjectRef("k", "0" * 64, 1, "")).weight == 0.4
