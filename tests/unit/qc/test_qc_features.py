"""Feature extractors: Inception from a file of weights, made here at random, for the real ones are 95 MB."""

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_inception import write_random_inception
from saggar.errors import InvalidInputError, NotFoundError
from saggar.store import DirectoryStore, ObjectRef
from saggar_qc.extractors.choice import BundleChoice, InceptionChoice, identity, open_extractor
from saggar_qc.extractors.fidelity import inception
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_random_inception(tmp_path_factory.mktemp("weights"))


def image(seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_inception_gives_torch_fidelitys_features_for_images_of_any_size(weights):
    extractor = open_extractor(InceptionChoice(weights), DirectoryStore(weights.parent / "store"))
    images = [image(0), image(1, (80, 50)), image(2)]
    found = extractor.analyse([extractor.prepare(each) for each in images])
    assert found.features.shape == (3, 2048)
    assert found.probabilities == {}
    theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(weights))
    for row, each in zip(found.features, images, strict=True):
        batch = torch.from_numpy(np.asarray(each).transpose(2, 0, 1)[None].copy())
        np.testing.assert_allclose(row, theirs(batch)[0][0].numpy(), rtol=1e-3, atol=1e-4)


def test_the_name_says_what_it_is(weights):
    extractor = open_extractor(InceptionChoice(weights), DirectoryStore(weights.parent / "store"))
    assert extractor.name == "inception-v3-compat"


def test_identity_follows_the_content(weights, tmp_path):
    copy = tmp_path / "elsewhere.pth"
    copy.write_bytes(weights.read_bytes())
    assert identity(InceptionChoice(copy)) == identity(InceptionChoice(weights))
    copy.write_bytes(b"other")
    expected = hashlib.sha256(b"other").hexdigest()
    assert identity(InceptionChoice(copy)) == f"inception-v3-compat:{expected}"
    bundle = ObjectRef("bundles/0123456789abcdef/bundle.json", "ab" * 32, 1, "application/json")
    assert identity(BundleChoice(bundle)) == f"backbone:{'ab' * 32}"


def test_a_missing_file_of_weights_is_named():
    with pytest.raises(NotFoundError, match=r"/nowhere/inception\.pth"):
        identity(InceptionChoice(Path("/nowhere/inception.pth")))


class Planted:
    """What a pickle could run on loading."""

    def __reduce__(self):
        return (Path.touch, (Path("planted"),))


def test_files_that_hold_anything_but_tensors_are_refused_unrun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = io.BytesIO()
    torch.save({"weight": torch.zeros(2)}, other)
    evil = io.BytesIO()
    torch.save({"x": Planted()}, evil)
    for content in (b"", b"not weights", other.getvalue(), evil.getvalue(), pickle.dumps(Planted())):
        with pytest.raises(InvalidInputError, match=r"some\.pth: not the Inception-v3 weights"):
            inception(content, "some.pth")
    assert not Path("planted").exists()
