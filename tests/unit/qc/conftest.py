"""Where the tests of reviews keep them, and a clock that they set."""

import pytest
from review_desk import Clock
from saggar.store import DirectoryStore


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path)


@pytest.fixture
def clock():
    return Clock()
