"""How device memory is saved: what is chosen, and that pictures and training are the same."""

import pytest
import torch
from saggar.errors import WrongStateError
from saggar.job_settings.generation import GenerationSettings
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement, choose, natural_memory
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.requests import ImageRequest
from saggar_generator.training.examples import latents_of
from tiny_pipeline import SIZE_PX, save_tiny_pipeline

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("base") / "tiny")


def test_a_gpus_size_decides():
    gib = 1 << 30
    sizes = {4: "offloaded", 6: "sliced", 8: "sliced", 10: "sliced", 12: "full", 24: "full", 80: "full"}
    # Cards report a little less than their name says.
    assert {size: natural_memory(int(size * gib * 0.97)) for size in sizes} == sizes


def test_a_cpu_has_nothing_to_offload_from():
    assert choose("cpu").memory == "full"
    assert choose("cpu", memory="sliced", attention_slicing=True) == Placement("cpu", "float32", "sliced", True)
    with pytest.raises(WrongStateError, match="SAGGAR_MEMORY"):
        choose("cpu", memory="offloaded")


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
