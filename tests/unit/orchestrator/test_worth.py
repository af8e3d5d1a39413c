"""Gains read as photographs: on the line through the arms that were given some back."""

import pytest
from saggar_orchestrator.findings.statistics.worth import Worth, worth

DOSES = [(200, 0.04), (100, 0.03)]  # in any order


@pytest.mark.parametrize(
    ("gain", "found"),
    [
        (0.03, Worth(100, beyond=False)),
        (0.015, Worth(50, beyond=False)),
        (0.035, Worth(150, beyond=False)),
        (0.05, Worth(200, beyond=True)),
        (0.0, Worth(0, beyond=False)),
        (-0.1, Worth(0, beyond=False)),
    ],
)
def test_a_gain_lies_between_the_doses_that_bracket_it(gain, found):
    assert worth(gain, DOSES) == found


def test_without_doses_nothing_can_be_said():
    assert worth(0.1, []) is None


def test_where_photographs_do_not_help_a_gain_is_beyond_them():
    assert worth(0.01, [(100, -0.02)]) == Worth(100, beyond=True)
    assert worth(0.01, [(100, 0.02), (200, 0.0), (300, 0.05)]) == Worth(50, beyond=False)  # the fewest
