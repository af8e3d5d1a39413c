"""Readers of files and messages from anywhere, given damaged ones. bench/services/fuzz.py does the same for hours.

`hypothesis` decides where bytes are changed, doubled, cut out and cut off.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_targets import CHANGES, KEPT, TARGETS, changed
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

_EXAMPLES = {name: target.examples() for name, target in TARGETS.items()}


@pytest.mark.parametrize("name", TARGETS)
@examples(40, one_fixture_for_all=True)
@given(number=st.integers(0, 99), changes=CHANGES)
def test_what_is_damaged_is_read_or_refused(
    name: str, number: int, changes: list[tuple[str, int, int, bytes]], tmp_path: Path
) -> None:
    files = _EXAMPLES[name]
    TARGETS[name].tried(changed(files[number % len(files)], changes), tmp_path / "damaged")


@pytest.mark.parametrize("name", TARGETS)
def test_the_examples_themselves_can_be_read(name: str, tmp_path: Path) -> None:
    for data in _EXAMPLES[name]:
        assert TARGETS[name].tried(data, tmp_path / "whole")


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_kept_is_read_or_refused(name: str, tmp_path: Path) -> None:
    kept = sorted((KEPT / name).iterdir())
    assert kept
    for file in kept:
        TARGETS[name].tried(file.read_bytes(), tmp_path / "kept")
