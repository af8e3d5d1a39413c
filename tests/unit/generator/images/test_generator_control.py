"""Images that follow a photograph's form through a ControlNet: a small one of the real class, with random weights."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from saggar.errors import InvalidInputError, NotFoundError, WrongStateError
from saggar.job_settings.generation import ControlSettings
from saggar.progress import Work
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore, ObjectRef
from saggar.v1 import generator_pb2
from saggar_generator import messages
from saggar_generator.base_models.control_net import load_control_net
from saggar_generator.images.generation_job import generate
from saggar_generator.images.photographs.controlling import Control, condition
from saggar_generator.images.synthesis import draw, encode_prompts
from saggar_generator.requests import ControlUse, GenerationRequest, ImageRequest, PromptItem
from tiny_control import put_pot, save_tiny_control_net
from tiny_generation import PROMPTS, SETTINGS

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return save_tiny_control_net(tmp_path_factory.mktemp("control") / "edges")


@pytest.fixture
def pots(store):
    return [put_pot(store, 4), put_pot(store, 28)]


def item(number, pot=None, **changes):
    return PromptItem(f"i{number}", replace(ImageRequest("white bowl", "blurry", 7), control=pot, **changes))


def run(store, models, folder, items, net, **settings):
    control = ControlUse(str(net), ControlSettings(**settings))
    size = SETTINGS.with_values(width_px=32, height_px=32)
    return generate(store, models, GenerationRequest(str(folder), items, (), size, control), Work())


def test_an_image_follows_its_photograph_and_is_made_once(store, models, folder, net, pots):
    items = [item(0), item(1, pots[0]), item(2, pots[1])]
    found = run(store, models, folder, items, net)
    assert len({one.image for one in found}) == 3
    assert all(one.reused for one in run(store, models, folder, items, net))
    other = DirectoryStore(store.root.parent / "other")
    for ref in pots:
        other.put(ref.key, store.get(ref.key), ref.media_type)
    assert run(other, models, folder, [items[2]], net)[0].image == found[2].image  # whatever else is in the request
    noted = json.loads(found[1].made_from)["control"]
    assert noted["photograph"] == pots[0].sha256
    assert noted["scale"] == 1
    assert len(noted["sha256"]) == 64
    assert "control" not in json.loads(found[0].made_from)
    assert pots[0].sha256 in Image.open(io.BytesIO(store.read(found[1].image))).info["control"]


@pytest.mark.parametrize("change", [{"scale": 0.3}, {"condition": "outline"}, {"end": 0.5}, {"framing": "pad"}])
def test_how_it_steers_is_part_of_an_images_identity(store, models, folder, net, pots, change):
    (one,), (other,) = (run(store, models, folder, [item(0, pots[0])], net, **s) for s in ({}, change))
    assert not other.reused
    if "framing" not in change:  # a square photograph is framed alike
        assert one.image != other.image


def test_other_weights_make_another_image(store, models, folder, net, pots, tmp_path):
    from safetensors.torch import load_file, save_file

    other = shutil.copytree(net, tmp_path / "other")
    file = other / "diffusion_pytorch_model.safetensors"
    save_file({key: value * 0.5 for key, value in load_file(file).items()}, file)
    assert (
        run(store, models, folder, [item(0, pots[0])], net)[0].image
        != run(store, models, folder, [item(0, pots[0])], other)[0].image
    )


def test_the_batch_size_changes_rounding_only(store, models, folder, net, pots):
    base = models.get(str(folder))
    settings = SETTINGS.with_values(width_px=32, height_px=32)
    control = Control(load_control_net(str(net), base), ControlSettings(), store)
    wanted = [replace(PROMPTS[i], control=pots[i % 2]) for i in range(3)]
    encoded = encode_prompts(base, wanted, settings)

    def pixels(size):
        batches = draw(base, wanted, encoded, settings, size, control=control)
        return np.stack([picture.pixels for batch in batches for picture in batch]).astype(int)

    assert np.abs(pixels(1) - pixels(3)).max() <= 1


def test_lines_lie_where_the_piece_ends():
    pixels = np.full((64, 64, 3), 220, np.uint8)
    pixels[20:50, 16:48] = (40, 80, 70)
    for kind in ("edges", "outline"):
        rows, columns = np.nonzero(condition(pixels, kind, "a"))
        assert abs(rows.min() - 20) <= 2
        assert abs(rows.max() - 49) <= 2
        assert abs(columns.min() - 16) <= 2
        assert not condition(pixels, kind, "a")[26:44, 22:42].any()
    with pytest.raises(InvalidInputError, match=r"a\.png: no piece stands out"):
        condition(np.full((64, 64, 3), 220, np.uint8), "outline", "a.png")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cross_attention_dim": 24}, "cross_attention_dim is 24, the base's 16"),
        ({"in_channels": 9}, "in_channels is 9"),
        ({"conditioning_channels": 1}, "1 channels, not 3"),
        ({"conditioning_embedding_out_channels": (8, 8, 8, 8)}, "smaller by 8"),
    ],
)
def test_a_network_for_another_base_is_refused(models, folder, tmp_path, change, says):
    place = save_tiny_control_net(tmp_path / "other", **change)
    with pytest.raises(WrongStateError, match=says):
        load_control_net(str(place), models.get(str(folder)))


def test_folders_that_are_no_control_net_are_named(models, folder, net, tmp_path):
    base = models.get(str(folder))
    with pytest.raises(NotFoundError, match="no such folder"):
        load_control_net(str(tmp_path / "gone"), base)
    with pytest.raises(InvalidInputError, match="UNet2DConditionModel, not a ControlNetModel"):
        load_control_net(str(folder / "unet"), base)
    place = shutil.copytree(net, tmp_path / "copy")
    configuration = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(configuration | {"addition_embed_type": "text_time"}))
    with pytest.raises(WrongStateError, match="Stable Diffusion XL"):
        load_control_net(str(place), base)
    shutil.copy(net / "config.json", place)
    weights = place / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InvalidInputError, match="pointer of Git LFS"):
        load_control_net(str(place), base)
    weights.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(InvalidInputError, match="pickle"):
        load_control_net(str(place), base)
    weights.rename(place / "diffusion_pytorch_model.bin")
    with pytest.raises(NotFoundError, match=r"has no diffusion_pytorch_model\.safetensors"):
        load_control_net(str(place), base)


def test_a_missing_photograph_is_named(store, models, folder, net):
    gone = ObjectRef("images/aa/gone.png", "0" * 64, 5, "image/png")
    with pytest.raises(NotFoundError, match="gone"):
        run(store, models, folder, [item(0, gone)], net)


def test_the_message_says_what_goes_with_what(pots):
    ref = ref_to_proto(pots[0])
    prompt = generator_pb2.PromptItem(prompt_id="a", prompt="bowl", control_photograph=ref)
    request = generator_pb2.GenerateRequest(base_model="nano", prompts=[prompt])
    with pytest.raises(InvalidInputError, match="control_net: must be given"):
        messages.generation_request(request)
    request.control_net.path = "/nets/edges"
    request.control_net.end = 0.6
    found = messages.generation_request(request)
    assert found.control == ControlUse("/nets/edges", ControlSettings(end=0.6))
    assert found.items[0].request.control == pots[0]
    request.control_net.begin = 0.7
    with pytest.raises(InvalidInputError, match="above begin"):
        messages.generation_request(request)
    prompt.start.image.CopyFrom(ref)
    with pytest.raises(InvalidInputError, match="goes without start"):
        messages.prompt_items([prompt])
