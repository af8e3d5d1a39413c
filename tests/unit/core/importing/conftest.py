"""Where the tests of awkward files import to, and a folder of two photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
from photo_folders import put
from saggar.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.jpg", "b.jpg")):
        put(folder, name, number)
    return folder
