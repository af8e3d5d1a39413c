"""Wilson's interval, against SciPy's."""

from math import isnan

import pytest
from saggar.describing.shares import wilson
from scipy.stats import binomtest


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (45, 50), (1, 1000), (333, 999)])
def test_it_is_scipys(hits, n):
    share = wilson(hits, n)
    theirs = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert (share.low, share.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_of_nothing_nothing_is_known():
    share = wilson(0, 0)
    assert (share.low, share.high) == (0.0, 1.0)
    assert isnan(share.value)
