"""Which generated images a report's gallery shows, and as what."""

import io

import numpy as np
import pytest
from review_desk import manifest
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar_orchestrator.workflow.steps.gathering.pictures import _gallery
from saggar_orchestrator.workflow.steps.outcomes import ArmOutcome, SplitOutcome


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


def table(store, made, **columns):
    """A table of rejected images, as qc writes it."""
    buffer = io.BytesIO()
    made.frame.assign(**columns).to_parquet(buffer)
    return store.put(f"rejected-{len(made)}", buffer.getvalue(), "application/vnd.apache.parquet").to_json()


def test_what_people_rejected_is_not_shown_as_accepted(store):
    made = manifest(6)
    accepted, blurred = made.take(np.arange(4)), made.take(np.arange(4, 6))
    screen = {
        "accepted": write_manifest(store, accepted).to_json(),
        "rejected": table(store, blurred, reject_reason="blurred"),
    }
    elsewhere = manifest(8).take(np.array([0, 1, 7]))  # the last is no image of this arm
    review = {"rejected": table(store, elsewhere)}
    outcome = SplitOutcome({}, {"arm": ArmOutcome({}, (), screen)}, None, (review,), 0)
    found = _gallery(store, outcome)["arm"]
    shown = {kind: [one["image"] for one in found[kind]] for kind in found}
    images = list(made.frame["image"])
    assert shown["accepted"] == images[2:4]
    assert sorted(shown["rejected"]) == sorted(images[:2] + images[4:])
    assert {one["reason"] for one in found["rejected"]} == {"review", "blurred"}
