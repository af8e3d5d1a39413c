import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.describing.power import photographs_needed, smallest_difference
from saggar.errors import InvalidInputError
from scipy.stats import norm


def test_mcnemars_test_finds_the_difference_as_often_as_promised():
    rng = np.random.default_rng(3)
    for n, disagreement in ((801, 0.10), (400, 0.2), (5000, 0.05)):
        d = smallest_difference(n, disagreement)
        assert d is not None
        right, wrong = (disagreement + d) / 2, (disagreement - d) / 2
        counts = rng.multinomial(n, [right, wrong, 1 - disagreement], size=20_000)
        z = (counts[:, 0] - counts[:, 1]) / np.sqrt(counts[:, 0] + counts[:, 1])
        assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.80, abs=0.03)


def test_connors_formula():
    n = photographs_needed(0.03, 0.1)
    by_hand = norm.ppf(0.975) * math.sqrt(0.1) + norm.ppf(0.8) * math.sqrt(0.1 - 0.03**2)
    assert n == math.ceil((by_hand / 0.03) ** 2) == 870


@given(st.floats(0.01, 0.5), st.floats(0.05, 1), st.floats(0.5, 0.95))
def test_number_and_difference_are_each_others_inverse(disagreement, part, power):
    difference = part * disagreement
    n = photographs_needed(difference, disagreement, power)
    found = smallest_difference(n, disagreement, power)
    assert found is not None
    assert found <= difference + 1e-9
    fewer = smallest_difference(n - 1, disagreement, power) if n > 1 else None
    assert fewer is None or fewer >= difference - 1e-9


@given(st.integers(1, 10**6), st.floats(0.01, 1))
def test_more_photographs_show_no_less(n, disagreement):
    first, second = smallest_difference(n, disagreement), smallest_difference(n + 100, disagreement)
    if first is not None:
        assert second is not None
        assert second < first <= disagreement


def test_a_handful_shows_nothing():
    assert smallest_difference(28, 0.1) is None
    assert smallest_difference(0) is None


@pytest.mark.parametrize("arguments", [(0.0,), (0.2, 0.1), (0.05, 1.5), (0.05, 0.1, 0.2), (0.05, 0.1, 0.8, 0.9)])
def test_refuses_what_makes_no_sense(arguments):
    with pytest.raises(InvalidInputError):
        photographs_needed(*arguments)
