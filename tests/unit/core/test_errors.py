"""The one way to refuse several fields at once."""

from __future__ import annotations

import pytest
from saggar.errors import FieldViolation, InvalidInputError, refuse

WRONG = [FieldViolation("settings.steps", "is 0; must be 1 or more"), FieldViolation("", "the manifest has no rows")]


def test_nothing_is_refused_where_nothing_is_wrong() -> None:
    refuse([])
    refuse(each for each in ())


def test_every_violation_is_in_the_text_and_in_the_error() -> None:
    with pytest.raises(InvalidInputError) as caught:
        refuse(iter(WRONG))
    assert str(caught.value) == "settings.steps: is 0; must be 1 or more; the manifest has no rows"
    assert caught.value.violations == tuple(WRONG)


def test_with_a_heading_each_has_a_line() -> None:
    with pytest.raises(InvalidInputError) as caught:
        refuse(WRONG, "bad training settings")
    lines = str(caught.value).splitlines()
    assert lines == [
        "bad training settings:",
        "  settings.steps: is 0; must be 1 or more",
        "  the manifest has no rows",
    ]


def test_a_text_stays_readable_however_much_is_wrong() -> None:
    with pytest.raises(InvalidInputError) as caught:
        refuse([FieldViolation(f"rows[{n}]", "is empty") for n in range(1234)], "rows")
    assert str(caught.value).splitlines()[-1] == "  and 1,184 more"
    assert len(caught.value.violations) == 1234
