"""The interval of one model's test score: it grows with fewer objects, not with more photographs of each."""

import numpy as np
import pytest
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.findings.one_model import interval_of_mean_macro_f1
from saggar_orchestrator.findings.predictions import Predictions
from sklearn.metrics import f1_score

TAXONOMY = load_taxonomy("kilnsim")


def predictions(rng, objects, photographs=1, hit=0.8, classes=2):
    n = objects * photographs
    true, said = {}, {}
    for task in TAXONOMY.tasks:
        true[task.name] = np.repeat(rng.integers(0, classes, objects), photographs)
        right = np.repeat(rng.random(objects) < hit, photographs)
        said[task.name] = np.where(right, true[task.name], 1 - true[task.name])
    images = tuple(f"{i}" for i in range(n))
    shown = tuple(f"object-{i // photographs}" for i in range(n))
    return Predictions(images, shown, true, said, {})


def score(one):
    present = [(one.true[t.name], one.predicted[t.name]) for t in TAXONOMY.tasks]
    return float(np.mean([f1_score(true, said, average="macro", zero_division=0) for true, said in present]))


def test_it_holds_the_true_score_in_about_95_of_100_samples():
    rng = np.random.default_rng(3)
    truth = 0.8  # of two balanced classes with equal errors, in the limit
    held = 0
    for _ in range(300):
        low, high = interval_of_mean_macro_f1(predictions(rng, 120), TAXONOMY)
        held += low <= truth <= high
    assert 0.91 <= held / 300 <= 0.985


@pytest.mark.parametrize(("hit", "objects"), [(0.9, 20), (0.97, 20), (0.97, 60), (0.99, 60)])
def test_it_holds_the_true_score_where_few_answers_are_wrong(hit, objects):
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(100):
        low, high = interval_of_mean_macro_f1(predictions(rng, objects, hit=hit), TAXONOMY)
        held += low <= hit <= high
    assert held >= 93


def test_it_is_no_point_where_all_answers_are_right():
    for objects, widest in ((20, 0.2), (600, 0.02)):
        low, high = interval_of_mean_macro_f1(predictions(np.random.default_rng(1), objects, hit=1), TAXONOMY)
        assert high == 1
        assert 1 / objects < 1 - low < widest
    one_class = predictions(np.random.default_rng(1), 20, hit=1, classes=1)
    assert interval_of_mean_macro_f1(one_class, TAXONOMY)[0] < 0.99


def test_photographs_of_one_object_count_once():
    once = predictions(np.random.default_rng(1), 60)
    often = predictions(np.random.default_rng(1), 60, photographs=5)
    assert interval_of_mean_macro_f1(often, TAXONOMY) == pytest.approx(interval_of_mean_macro_f1(once, TAXONOMY))


def test_it_lies_around_the_score_and_within_0_and_1():
    one = predictions(np.random.default_rng(2), 30)
    low, high = interval_of_mean_macro_f1(one, TAXONOMY)
    assert 0 <= low < score(one) < high <= 1
    assert (low + high) / 2 == pytest.approx(score(one))


def test_nothing_is_said_of_no_label_or_of_one_object():
    one = predictions(np.random.default_rng(2), 1)
    assert interval_of_mean_macro_f1(one, TAXONOMY) is None
    none = {name: np.full(1, -1) for name in one.true}
    assert interval_of_mean_macro_f1(Predictions(one.images, one.objects, none, one.predicted, {}), TAXONOMY) is None
