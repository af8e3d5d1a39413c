import numpy as np
import pytest
from invented_answers import said
from saggar.errors import DataCorruptionError
from saggar_orchestrator.findings.answers import Trained, bring_together, check_same_test
from sklearn.metrics import top_k_accuracy_score

CLASSES = {"kind": 7}


def predictions(n=12, first=0, seed=0):
    rng = np.random.default_rng([seed, first])
    true = {"kind": (np.arange(first, first + n) % 7).astype(np.int64)}
    return said(true, {"kind": rng.integers(0, 7, n)}, CLASSES, first=first)


def test_folds_of_a_seed_are_put_together_in_the_order_of_images():
    parts = [Trained(3, predictions(4, 8), 1), Trained(3, predictions(8, 0), 0)]
    found = bring_together("arm", parts)
    assert found.seeds == (3,)
    assert list(found.images) == sorted(found.images)
    assert found.folds.tolist() == [0] * 8 + [1] * 4
    expected = np.concatenate([parts[1].predictions.predicted["kind"], parts[0].predictions.predicted["kind"]])
    assert found.predicted["kind"].tolist() == [expected.tolist()]


def test_a_fold_without_test_objects_adds_nothing():
    whole = bring_together("arm", [Trained(0, predictions(), 0)])
    found = bring_together("arm", [Trained(0, predictions(), 0), Trained(0, predictions(0, 50), 1)])
    assert found.images == whole.images
    assert found.predicted["kind"].tolist() == whole.predicted["kind"].tolist()


def test_seeds_keep_the_order_of_the_trainings():
    assert bring_together("arm", [Trained(seed, predictions()) for seed in (5, 1, 3)]).seeds == (5, 1, 3)


def test_an_image_answered_twice_is_refused():
    with pytest.raises(DataCorruptionError, match="arm a, seed 0: a test image is answered twice"):
        bring_together("a", [Trained(0, predictions(5), 0), Trained(0, predictions(3, 4), 1)])


def test_seeds_with_other_images_are_refused():
    with pytest.raises(DataCorruptionError, match="seeds 0 and 1 were evaluated on different test images"):
        bring_together("a", [Trained(0, predictions(5)), Trained(1, predictions(6))])


def test_no_training_at_all_is_refused():
    with pytest.raises(DataCorruptionError, match="arm a: there is no training"):
        bring_together("a", [])


def test_arms_with_other_images_are_refused():
    one, other = (bring_together(name, [Trained(0, predictions(n))]) for name, n in (("a", 5), ("b", 6)))
    with pytest.raises(DataCorruptionError, match="arms a and b were evaluated on different test images"):
        check_same_test(one, other)


def test_photographs_of_one_object_share_its_number():
    given = predictions(4)
    shared = said(given.true, given.predicted, CLASSES, objects=("cup", "bowl", "cup", "vase"))
    assert bring_together("a", [Trained(0, shared)]).objects.tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_places_of_the_truth_are_scikit_learns_top_k(k):
    given = predictions(200)
    places = given.place_of_truth("kind")
    expected = top_k_accuracy_score(given.true["kind"], given.probabilities["kind"], k=k, labels=range(7))
    assert (places < k).mean() == pytest.approx(expected, abs=1e-12)


def test_place_is_unknown_where_the_truth_is():
    given = predictions(3)
    given.true["kind"][1] = -1
    assert given.place_of_truth("kind")[1] == -1
