"""A museum whose classifier is a stand-in: what tests of catalogues share."""

import numpy as np
import pytest
from catalogue_museum import Museum
from fake_classifier import fake_classifier
from orchestrator_fakes import SERVICES
from PIL import Image
from saggar_orchestrator.local.home import Home


@pytest.fixture
def museum(tmp_path, capsys):
    """A home whose classifier is a stand-in, and a folder of photographs."""
    home = Home(tmp_path / "home")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photographs / f"{number}.png")
    (photographs / "bad.png").write_bytes(b"bad picture")
    with fake_classifier() as (fake, address), home.claim():
        home.publish(dict.fromkeys(SERVICES, address))
        yield Museum(tmp_path, home, photographs, fake, capsys)
