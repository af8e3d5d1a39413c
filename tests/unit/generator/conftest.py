"""A base model that is made in seconds, the models that a generator holds, and a store: what its tests share."""

import pytest
from saggar.store import DirectoryStore
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from tiny_pipeline import save_tiny_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def models(folder):
    models = BaseModels(Placement("cpu", "float32"))
    models.get(str(folder))
    return models


@pytest.fixture(scope="module")
def nano():
    models = BaseModels(Placement("cpu", "float32"))
    models.get("nano")
    return models


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")
