"""Neighbours of many pictures at once, against SciPy."""

import numpy as np
import pytest
from saggar_qc.measures.neighbours import Neighbours, in_blocks
from scipy.spatial.distance import cdist

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(400, 24)) * RANDOM.uniform(0.5, 4, 24)
OBJECTS = [f"object-{number // 2}" for number in range(400)]  # two photographs of each


def scaled(features):
    return features / (ROWS.std(axis=0) + 0.05 * ROWS.std())


def test_distances_are_scipy_s_after_scaling():
    known, asked = Neighbours(ROWS, OBJECTS), RANDOM.normal(size=(7, 24)).astype(np.float32)
    apart = known.distances(asked)
    assert apart == pytest.approx(cdist(scaled(asked), scaled(ROWS)), abs=0.02)  # photographs are in half precision
    places, far = known.nearest(apart, 3)
    assert np.array_equal(places, np.argsort(apart, axis=1)[:, :3])
    assert np.array_equal(far, np.sort(apart, axis=1)[:, :3])
    assert known.unfamiliarity(apart) == pytest.approx(np.sort(apart, axis=1)[:, :5].mean(axis=1))


def test_a_photograph_s_own_object_does_not_count():
    known, own = Neighbours(ROWS, OBJECTS), np.array([4, 9])
    apart = known.distances(ROWS[own].astype(np.float32), own)
    assert np.isinf(apart[0, [4, 5]]).all()
    assert np.isinf(apart[1, [8, 9]]).all()
    assert np.isfinite(np.delete(apart[0], [4, 5])).all()


def test_many_rows_come_out_as_few():
    known, own = Neighbours(ROWS, OBJECTS), np.arange(400)
    assert [block.start for block in in_blocks(600)] == [0, 256, 512]
    one_by_one = [known.distance_to_others(own[at : at + 1])[0] for at in own]
    assert known.distance_to_others(own) == pytest.approx(one_by_one, rel=1e-5)
    assert known.distance_to_others(own[:0]).shape == (0,)
