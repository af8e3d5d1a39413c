"""A container that was given two processors of 64 has two."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from saggar_classifier.turns.processors import available

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quotas", "count"),
    [
        ({}, ALL),
        ({"": "max 100000"}, ALL),
        ({"": "100000 100000"}, 1),
        ({"": "50000 100000"}, 1),
        ({"pod/box": "100000 100000"}, 1),
        ({"pod": "100000 100000", "pod/box": "max 100000"}, 1),
        ({"pod/box": "6400000 100000"}, ALL),
        ({"": "nonsense"}, ALL),
    ],
)
def test_a_quota_bounds_the_processors(tmp_path: Path, quotas: dict[str, str], count: int) -> None:
    groups = tmp_path / "cgroup"
    (groups / "pod" / "box").mkdir(parents=True)
    for group, text in quotas.items():
        (groups / group / "cpu.max").write_text(text)
    own = tmp_path / "own"
    own.write_text("0::/pod/box\n")
    assert available(groups, own) == count


def test_affinity_bounds_the_processors(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available(tmp_path, tmp_path / "none") == 1
    finally:
        os.sched_setaffinity(0, before)
