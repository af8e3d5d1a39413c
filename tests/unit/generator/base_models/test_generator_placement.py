"""How device memory is saved: what is chosen, and that pictures and training are the same."""

import numpy as np
import pytest
import torch
from saggar.errors import WrongStateError
from saggar.job_settings.generation import GenerationSettings
from saggar.store import DirectoryStore
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement, choose, natural_memory
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.requests import ImageRequest, PromptItem
from saggar_generator.training.examples import latents_of
from tiny_generation import run
from tiny_pipeline import SIZE_PX

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_gpus_size_decides():
    gib = 1 << 30
    sizes = {4: "offloaded", 6: "sliced", 8: "sliced", 10: "sliced", 12: "full", 24: "full", 80: "full"}
    # Cards report a little less than their name says.
    assert {size: natural_memory(int(size * gib * 0.97)) for size in sizes} == sizes


def test_a_cpu_has_nothing_to_offload_from():
    assert choose("cpu").memory == "full"
    sliced = choose("cpu", "float32", memory="sliced", attention_slicing=True)
    assert sliced == Placement("cpu", "float32", "sliced", True)
    with pytest.raises(WrongStateError, match="SAGGAR_MEMORY"):
        choose("cpu", memory="offloaded")


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_f": True}, "float32"),
        ({}, "float32"),
    ],
)
def test_a_cpu_takes_bfloat16_where_it_has_it(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert choose("cpu").precision == precision
    assert choose("cpu", "float32").precision == "float32"
    with pytest.raises(WrongStateError, match="SAGGAR_PRECISION is float16, which a processor only emulates"):
        choose("cpu", "float16")


def test_in_bfloat16_an_image_does_not_depend_on_those_it_is_made_with(folder):
    base = BaseModels(Placement("cpu", "bfloat16")).get(str(folder))
    exact = BaseModels(Placement("cpu", "float32")).get(str(folder))
    settings = GenerationSettings(steps=5, width_px=SIZE_PX, height_px=SIZE_PX)
    requests = [ImageRequest("white bowl", "", seed) for seed in range(4)]

    def pixels(some, on=base):
        encoded = encode_prompts(on, some, settings)
        return np.stack([one.pixels for batch in draw(on, some, encoded, settings, 4) for one in batch]).astype(int)

    together = pixels(requests)
    assert np.array_equal(pixels(requests[::-1])[::-1], together)
    assert np.array_equal(pixels(requests[1:3]), together[1:3])
    assert np.abs(together - pixels(requests, exact)).mean() < 2
    assert not np.array_equal(together, pixels(requests, exact))


def test_number_format_and_device_are_in_an_images_identity(folder, tmp_path):
    """Bytes depend on them: a replica in another format must not find an image that it would not make."""
    made = {}
    for precision in ("float32", "bfloat16"):
        models = BaseModels(Placement("cpu", precision))
        (image,) = run(DirectoryStore(tmp_path), models, folder, [PromptItem("a", ImageRequest("bowl", "", 1))])
        made[precision] = image
        assert f'"computed_in": "{precision} on cpu"' in image.made_from
    assert made["float32"].image != made["bfloat16"].image
    assert not any(image.reused for image in made.values())


@pytest.mark.parametrize(
    "placement",
    [
        Placement("cpu", "float32", "sliced"),
        Placement("cpu", "float32", "full", attention_slicing=True),
        # With the CPU in the GPU's place: the networks take turns by the same hooks.
        Placement("cpu", "float32", "offloaded"),
    ],
)
def test_saving_memory_changes_no_picture(folder, placement):
    expected = picture(BaseModels(Placement("cpu", "float32")).get(str(folder)))
    base = BaseModels(placement).get(str(folder))
    for _ in range(2):  # after an image the networks are put away, and must be found again
        found = picture(base)
        assert abs(found[0].astype(int) - expected[0]).max() <= 1
        torch.testing.assert_close(found[1], expected[1])
    assert base.pipeline.vae.use_slicing == (placement.memory != "full")
    hooked = hasattr(base.pipeline.unet, "_hf_hook")
    assert hooked == (placement.memory == "offloaded")


def picture(base):
    """Pixels, and latents of a grey image."""
    settings = GenerationSettings(steps=2, width_px=SIZE_PX, height_px=SIZE_PX)
    wanted = [ImageRequest("white bowl", "", 1), ImageRequest("celadon vase", "", 2)]
    ((first, _second),) = draw(base, wanted, encode_prompts(base, wanted, settings), settings, 2)
    from PIL import Image

    return first.pixels, latents_of(base, [Image.new("RGB", (SIZE_PX, SIZE_PX), (90, 120, 90))] * 3)
