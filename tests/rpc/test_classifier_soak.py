"""The short form of bench/soak.py: no failed valid request over hot swaps, no leaked thread or descriptor."""

from __future__ import annotations

from pathlib import Path

import pytest
from saggar.store import DirectoryStore
from soak_run import Soak
from test_classifier import BLUE, RED, bundle
from test_classifier_answers import certain_bundle

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
def test_models_are_swapped_under_load_without_a_failed_request(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    bundles = [bundle(store), bundle(store, 1), certain_bundle(store)]
    soak = Soak(store, bundles, [RED, BLUE] * 8)
    soak.run(tmp_path, seconds=20, swap_every_s=2)
    found = soak.report()
    assert found["first_failures"] == []
    assert found["hostile_answered_wrongly"] == []
    assert set(found["answers_by_model"]) == {ref.key.split("/")[1] for ref in bundles}
    assert min(found["requests"][kind] for kind in ("valid", "streamed", "hostile")) > 20
    assert found["requests"]["activations"] >= 5
    for replica in found["replicas"]:
        middle, end = replica["descriptors_middle_and_end"]
        assert end <= middle + 10, replica
        middle, end = replica["threads_middle_and_end"]
        assert end <= middle + 10, replica
        # Buffers of refused 17 MiB requests stay with the allocator, some for every thread; then it is flat.
        assert replica["largest_mib"] < replica["memory_mib"][0] + 400, replica
