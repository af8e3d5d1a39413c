"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from properties import load_profiles

load_profiles()

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # workers share the cores: two pools of waiting threads slow small networks tenfold
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project_data() -> Path:
    """The folder of real photographs; tests that ask for it skip where it is missing."""
    folder = Path(os.environ.get("SAGGAR_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SAGGAR_TEST_DATA to the folder that has real_porcelain/")
    return folder
