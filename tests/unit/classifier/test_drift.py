"""Shares of the latest answers, against counting them."""

from __future__ import annotations

import pytest
from saggar_classifier.operations.drift import Drift
from saggar_classifier.serving.observer import Remark, Timing

TIMING = Timing(0, 0, 0, 0)


def remark(glaze: str, *, model: str = "a", unlike: bool | None = False, abstained: bool = False) -> Remark:
    return Remark(model, {"glaze": glaze}, frozenset({"glaze"} if abstained else ()), unlike, TIMING)


def test_shares_are_of_the_latest_answers() -> None:
    drift = Drift(latest=4)
    for each in [remark("Black")] * 9 + [
        remark("White"),
        remark("White", abstained=True),
        remark("White", unlike=True),
    ]:
        drift.note(each)
    found = drift.shares("a")
    assert found is not None
    assert found.answers == 4
    assert found.classes == {"glaze": {"Black": 0.25, "White": 0.75}}
    assert found.abstained == {"glaze": 0.25}
    assert found.not_porcelain == 0.25


def test_another_model_begins_anew() -> None:
    drift = Drift()
    drift.note(remark("Black"))
    drift.note(remark("White", model="b", unlike=None))
    assert drift.shares("a") is None
    found = drift.shares("b")
    assert found is not None
    assert (found.answers, found.not_porcelain) == (1, None)


@pytest.mark.parametrize(
    ("training", "distance"),
    [({"Black": 0.5, "White": 0.5}, 0.0), ({"Green": 1.0}, 1.0), ({"Black": 1.0}, 0.5), ({}, 0.5)],
)
def test_distance_is_total_variation(training: dict[str, float], distance: float) -> None:
    drift = Drift()
    drift.note(remark("Black"))
    drift.note(remark("White"))
    found = drift.shares("a")
    assert found is not None
    assert found.distance("glaze", training) == pytest.approx(distance)
