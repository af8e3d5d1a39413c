"""Which labels a model contradicts: planted errors are found, and right ones are left alone."""

import numpy as np
import pytest

pytest.importorskip("cleanlab")

from saggar_orchestrator.labelling.label_errors import suspected


def collection(rng, n=600, classes=5, wrong=40):
    """A long tail of classes; a model that is right of 85 % and surer of some classes than of others."""
    true = np.minimum(rng.geometric(0.4, n) - 1, classes - 1)
    guess = np.where(rng.random(n) < 0.85, true, rng.integers(0, classes, n))
    sure = 0.9 - 0.08 * guess
    said = np.full((n, classes), 0.02) + rng.random((n, classes)) * 0.02
    said[np.arange(n), guess] += sure
    said = (said / said.sum(axis=1, keepdims=True)).astype(np.float32)
    labels = true.copy()
    planted = rng.choice(n, wrong, replace=False)
    labels[planted] = (labels[planted] + rng.integers(1, classes, wrong)) % classes
    return labels, said, set(planted.tolist())


def test_planted_errors_are_found_before_others():
    labels, said, planted = collection(np.random.default_rng(1))
    found = suspected(labels, said).tolist()
    hits = planted & set(found)
    assert len(hits) / len(planted) > 0.7
    assert len(hits) / len(found) > 3 * len(planted) / len(labels)  # much oftener than at random
    assert len(found) == len(set(found))


def test_what_is_unknown_or_alone_of_its_class_is_not_suspected():
    labels, said, _ = collection(np.random.default_rng(2))
    labels[:50] = -1
    labels[labels == 4] = 3
    labels[60] = 4  # the only one
    found = suspected(labels, said)
    assert not set(range(50)) & set(found.tolist())
    assert 60 not in found


def test_classes_that_do_not_occur_change_nothing():
    labels, said, _ = collection(np.random.default_rng(3))
    wider = np.insert(said * 0.9, 2, 0.1, axis=1)  # a class that no photograph has
    moved = labels + (labels >= 2)
    assert suspected(moved, wider).tolist() == suspected(labels, said).tolist()


def test_one_class_leaves_nothing_to_doubt():
    assert suspected(np.zeros(20, np.int64), np.full((20, 3), 1 / 3, np.float32)).tolist() == []
