"""Resize modes: `clean` is clean-fid's own resizing, and what each mode makes of large and small pictures."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from cleanfid.resize import build_resizer, make_resizer
from PIL import Image
from random_inception import write_random_inception
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError
from saggar.progress import Work
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore, ObjectRef
from saggar.store.images import put_image
from saggar.v1 import qc_pb2
from saggar_qc.extractors.choice import BundleChoice, Dinov2Choice, InceptionChoice, identity, open_extractor
from saggar_qc.extractors.clean import clean_resize
from saggar_qc.extractors.extraction import Extraction
from saggar_qc.extractors.features import FeatureExtractor
from saggar_qc.messages import choice_from_message
from saggar_qc.screening.comparing import compare_sets
from vessels import encoded

MODES = ("fidelity", "clean")
BUNDLE = ObjectRef("bundles/0123456789abcdef/bundle.json", "ab" * 32, 1, "application/json")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_random_inception(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def inceptions(weights) -> dict[str, FeatureExtractor]:
    """By mode."""
    store = DirectoryStore(weights.parent / "store")
    return {mode: open_extractor(InceptionChoice(weights, mode), store) for mode in MODES}


def noise(seed: int, size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def stripes(side_px: int) -> Image.Image:
    """Black and white columns in turn: the finest texture that there is, mid-grey from afar."""
    pixels = np.zeros((side_px, side_px, 3), np.uint8)
    pixels[:, 1::2] = 255
    return Image.fromarray(pixels)


def features(extractor: FeatureExtractor, *images: Image.Image) -> np.ndarray:
    return extractor.analyse([extractor.prepare(each) for each in images]).features


@pytest.mark.parametrize("size", [(1024, 768), (300, 299), (299, 299), (64, 200), (1, 7), (37, 1)])
def test_the_clean_resize_is_clean_fids(size):
    image = noise(1, size)
    theirs = build_resizer("clean")(np.asarray(image))  # [299, 299, 3]
    np.testing.assert_array_equal(clean_resize(image, 299), theirs.transpose(2, 0, 1))
    theirs = make_resizer("PIL", quantize_after=False, filter="bicubic", output_size=(224, 224))(np.asarray(image))
    np.testing.assert_array_equal(clean_resize(image, 224), theirs.transpose(2, 0, 1))


def test_greys_and_palettes_become_rgb_first():
    grey = noise(2, (40, 30)).convert("L")
    np.testing.assert_array_equal(clean_resize(grey, 20), clean_resize(grey.convert("RGB"), 20))
    palette = noise(2, (40, 30)).convert("P")
    np.testing.assert_array_equal(clean_resize(palette, 20), clean_resize(palette.convert("RGB"), 20))


def test_of_pictures_that_have_the_networks_size_both_modes_give_the_same(inceptions):
    images = [noise(seed, (299, 299)) for seed in range(2)]
    found = features(inceptions["clean"], *images)
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found, features(inceptions["fidelity"], *images), rtol=1e-3, atol=1e-4)


def test_dinov2_too(tmp_path):
    """A linear network in DINOv2's place."""
    import torch

    (tmp_path / "hubconf.py").write_text(
        "import torch\n\n\ndef dinov2_vits14(pretrained):\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 5, 14, 14), torch.nn.Flatten(), torch.nn.Linear(1280, 6))\n"
    )
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 14, 14), torch.nn.Flatten(), torch.nn.Linear(1280, 6))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    choice = Dinov2Choice("vit-s-14", tmp_path, tmp_path / "weights.pth")
    store = DirectoryStore(tmp_path / "store")
    fidelity, clean = (open_extractor(dataclasses.replace(choice, resize=mode), store) for mode in MODES)
    assert [fidelity.name, clean.name] == ["dinov2-vit-s-14", "dinov2-vit-s-14:clean"]
    image = noise(3, (224, 224))
    np.testing.assert_allclose(features(clean, image), features(fidelity, image), rtol=1e-4, atol=1e-5)
    large = noise(3, (896, 896))
    assert np.abs(features(clean, large) - features(fidelity, large)).max() > 1e-2


@pytest.mark.parametrize("factor", [2, 4])
def test_a_picture_that_is_reduced_without_antialiasing_is_another_one(inceptions, factor):
    """Every second or fourth column of fine stripes is black; from afar they are grey, which `clean` sees."""
    large = stripes(299 * factor)
    black, grey = (Image.new("RGB", (299, 299), (level,) * 3) for level in (0, 128))
    aliased, averaged = features(inceptions["fidelity"], large)[0], features(inceptions["clean"], large)[0]
    as_black, as_grey = features(inceptions["clean"], black, grey)
    apart = np.linalg.norm(as_black - as_grey)
    assert apart > 1
    assert np.linalg.norm(aliased - as_black) < 0.01 * apart
    assert np.linalg.norm(averaged - as_grey) < 0.05 * apart


def test_names_identities_and_caches_carry_the_mode(inceptions, weights, tmp_path):
    store, image = DirectoryStore(tmp_path), stripes(598)
    found, folders = {}, set()
    for mode, extractor in inceptions.items():
        extraction = Extraction(store, extractor, identity(InceptionChoice(weights, mode)))
        pending = extraction.begin("ab" * 32, lambda: image, "upright")
        assert pending.row is None  # the other mode's row is not taken
        (row,) = extraction.compute([pending]).values()
        extraction.remember(pending.key, row)
        found[mode] = (extractor.name, extractor.preparation, identity(InceptionChoice(weights, mode)))
        folders.add(pending.key.split("/")[1])
    assert len(folders) == len(list(store.list("features/"))) == 2
    assert all(one != other for one, other in zip(*found.values(), strict=True))
    assert found["fidelity"][0] == "inception-v3-compat"
    assert found["clean"][:2] == (
        "inception-v3-compat:clean",
        "299 px, stretched, bicubic with antialiasing as in clean-fid",
    )


def test_measures_say_their_mode(inceptions, tmp_path):
    store = DirectoryStore(tmp_path)
    sets = [
        Manifest.from_records(
            [Record(put_image(store, encoded(noise(seed, (400, 320))), "png").key, str(seed), {}) for seed in seeds], ()
        )
        for seeds in (range(3), range(3, 6))
    ]
    measured = [
        compare_sets(*sets, Extraction(store, extractor, mode), 10, Work()) for mode, extractor in inceptions.items()
    ]
    assert [one.resize for one in measured] == ["fidelity", "clean"]
    assert [one.extractor for one in measured] == ["inception-v3-compat", "inception-v3-compat:clean"]
    assert "Pillow" in measured[1].libraries
    assert measured[0].fid != pytest.approx(measured[1].fid, rel=1e-3)


def test_photographs_of_one_object_are_measured_together(inceptions, tmp_path):
    store, extraction = DirectoryStore(tmp_path), Extraction(DirectoryStore(tmp_path), inceptions["fidelity"], "x")
    keys = [put_image(store, encoded(noise(seed, (60, 50))), "png").key for seed in range(6)]
    first = Manifest.from_records([Record(key, key, {}) for key in keys[:3]], ())
    second = [
        Manifest.from_records([Record(key, own, {}) for key, own in zip(keys[3:], owners, strict=True)], ())
        for owners in ("abc", "aab", "aaa")
    ]
    apart, two, one = (compare_sets(first, each, extraction, 10, Work()) for each in second)
    assert two.kid != pytest.approx(apart.kid, rel=1e-6)
    assert np.isnan(one.kid)  # no two objects to compare
    assert apart.fid == two.fid == one.fid


def test_a_request_names_the_mode():
    asked = qc_pb2.FeatureExtractor(inception_weights_path="/some.pth")
    assert choice_from_message(asked) == InceptionChoice(Path("/some.pth"), "fidelity")
    asked.resize = "clean"
    assert choice_from_message(asked) == InceptionChoice(Path("/some.pth"), "clean")
    asked.dinov2.model = "vit-l-14"
    assert choice_from_message(asked) == Dinov2Choice("vit-l-14", resize="clean")
    asked.resize = "bilinear"
    with pytest.raises(InvalidInputError, match=r"extractor\.resize.*must be `fidelity` or `clean`"):
        choice_from_message(asked)


def test_a_bundle_has_a_preparation_of_its_own():
    asked = qc_pb2.FeatureExtractor(bundle=ref_to_proto(BUNDLE))
    assert choice_from_message(asked) == BundleChoice(BUNDLE)
    asked.resize = "clean"
    with pytest.raises(InvalidInputError, match=r"also_measured_by\[0\]\.resize: is for Inception and DINOv2"):
        choice_from_message(asked, "also_measured_by[0]")


def test_real_photographs_stay_themselves_at_another_size_by_the_clean_resize_only(project_data):
    """Photographs, and the same at twice their size: how far the network's inputs differ, in grey levels."""
    paths = sorted((project_data / "real_porcelain" / "images").glob("*.jpg"))[::80]
    assert len(paths) > 10
    import torch
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    def fidelity(image: Image.Image, side_px: int) -> np.ndarray:
        whole = torch.from_numpy(np.asarray(image, np.float32).transpose(2, 0, 1)[None].copy())
        return interpolate_bilinear_2d_like_tensorflow1x(whole, (side_px, side_px), align_corners=False)[0].numpy()

    moved: dict[str, list[float]] = {"fidelity": [], "clean": []}
    for path in paths:
        with Image.open(path) as opened:
            photograph = opened.convert("RGB")
        twice = photograph.resize((photograph.width * 2, photograph.height * 2), Image.Resampling.BICUBIC)
        for name, resize in (("fidelity", fidelity), ("clean", clean_resize)):
            moved[name].append(float(np.abs(resize(twice, 128) - resize(photograph, 128)).mean()))
    assert np.mean(moved["clean"]) < 0.5
    assert np.mean(moved["fidelity"]) > 2 * np.mean(moved["clean"])
