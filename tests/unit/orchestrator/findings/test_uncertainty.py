"""Do intervals hold the truth, and are verdicts as rarely false as they say? Simulated with invented trainings whose
answers depend on the object, on the seed and on chance. `bench/evidence/verdicts.py` asks the same of real trainings.
"""

import dataclasses
import gc

import numpy as np
import pytest
from cross_validated import CrossValidated
from invented_answers import taxonomy
from saggar_orchestrator.findings.answers import Answers
from saggar_orchestrator.findings.comparison import compare
from saggar_orchestrator.findings.statistics.counting import count
from saggar_orchestrator.findings.statistics.variance_of_difference import (
    Scored,
    Variance,
    needs,
    quantile,
    smallest_difference,
    tail,
    variance_of_difference,
)
from scipy import stats

CLASSES = {"kind": 4, "glaze": 5}
TAXONOMY = taxonomy(CLASSES)
POOL, OBJECTS = 48, 4000


@pytest.fixture(autouse=True, scope="module")
def _nothing_old_to_collect():
    """statsmodels collects garbage with every correction, which takes longer than all the rest."""
    gc.freeze()
    yield
    gc.unfreeze()


class World:
    """Many trainings' answers on many objects; `shift` is what the second arm knows better of every object."""

    def __init__(self, seed, shift):
        self.rng = rng = np.random.default_rng(seed)
        ease = rng.standard_normal(OBJECTS)
        self.true, self.arms = {}, {"b": {}, "a": {}}
        for task, classes in CLASSES.items():
            shares = 0.6 ** np.arange(classes)
            true = self.true[task] = rng.choice(classes, OBJECTS, p=shares / shares.sum())
            own = 0.8 + ease + rng.standard_normal(OBJECTS)
            taken_for = (true + rng.integers(1, classes, OBJECTS)) % classes
            gain = shift * (1 + rng.standard_normal(OBJECTS))
            for name, of_arm in self.arms.items():
                luck = 0.4 * rng.standard_normal((POOL, classes))[:, true]
                scale = own + luck + rng.standard_normal((POOL, OBJECTS)) + (gain if name == "a" else 0)
                of_arm[task] = np.where(scale > 0, true, taken_for)

    def truth(self, task):
        scores = [
            np.mean([count(self.true[task], said, CLASSES[task]).macro_f1 for said in self.arms[name][task]])
            for name in "ab"
        ]
        return scores[0] - scores[1]

    def answers(self, name, objects, seeds, folds=1):
        runs = self.rng.permutation(POOL)[:seeds]
        of = objects % folds
        empty = {task: np.zeros((seeds, len(objects)), dtype=np.int64) for task in CLASSES}
        return Answers(
            arm=name,
            seeds=tuple(range(seeds)),
            images=tuple(str(i) for i in objects),
            objects=np.arange(len(objects)),
            folds=of,
            true={task: self.true[task][objects] for task in CLASSES},
            predicted={task: self.arms[name][task][np.ix_(runs, objects)] for task in CLASSES},
            places=empty,
        )

    def rows(self, n, seeds, other="a", folds=1):
        objects = self.rng.permutation(OBJECTS)[:n]
        base = self.answers("b", objects, seeds, folds)
        arm = dataclasses.replace(self.answers(other, objects, seeds, folds), arm="a")
        return compare(TAXONOMY, [arm], base)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_an_arm_that_is_no_different_is_called_different_in_at_most_a_twentieth_of_reports(seeds):
    world = World(1, 0.0)
    reports = [world.rows(150, seeds, "b") for _ in range(80)]
    false = sum(any(row.verdict in {"helped", "worse"} for row in rows) for rows in reports)
    assert false / len(reports) <= 0.05
    covered = [row.macro_f1.low <= 0 <= row.macro_f1.high for rows in reports for row in rows]
    assert 0.93 <= np.mean(covered) <= 0.995


@pytest.mark.slow
def test_intervals_of_a_true_difference_hold_it():
    world = World(2, 0.5)
    truth = {task: world.truth(task) for task in CLASSES}
    assert min(truth.values()) > 0.05
    rows = [row for _ in range(80) for row in world.rows(300, 5) if row.task in CLASSES]
    covered = [row.macro_f1.low <= truth[row.task] <= row.macro_f1.high for row in rows]
    assert 0.93 <= np.mean(covered) <= 0.99
    assert np.mean([row.verdict == "worse" for row in rows]) == 0
    assert np.mean([row.verdict == "helped" for row in rows]) > 0.3


@pytest.mark.slow
def test_objects_alone_would_promise_too_much():
    """What the variance of seeds is for: without it one interval in eight misses a difference of nothing."""
    world = World(3, 0.0)
    missed = []
    for _ in range(40):
        for row in world.rows(600, 3, "b"):
            half = 1.96 * np.sqrt(row.macro_f1.variance.objects)
            missed.append(abs(row.macro_f1.mean) > half)
    assert np.mean(missed) > 0.12


@pytest.mark.parametrize("shared", [1e-4, 3e-4, 8e-4])  # below, at and above what seeds bring
@pytest.mark.parametrize("target", [0.07, 0.08])
def test_more_objects_are_the_fewest_that_do(shared, target):
    given = variance(objects=9e-4, seeds=3e-4, shared=shared)
    found = needs(given, 4, target, 0.05, 0.8)
    assert found.more_objects > 0

    def with_objects(more):
        share = 200 / (200 + more)
        answers = min(shared, 3e-4)
        seeds = 3e-4 - answers + answers * share  # what seeds alone bring stays
        return variance(objects=9e-4 * share, seeds=seeds, shared=shared * share, object_count=200 + more)

    assert smallest_difference(with_objects(found.more_objects), 0.05, 0.8) <= target
    assert smallest_difference(with_objects(found.more_objects - 1), 0.05, 0.8) > target
    larger = smallest_difference(given, 0.05, 0.8) * 1.01
    assert (needs(given, 4, larger, 0.05, 0.8).more_objects, needs(given, 4, larger, 0.05, 0.8).more_seeds) == (0, 0)


@pytest.mark.parametrize("freedom", [2.0, 5.0, 40.0])
@pytest.mark.parametrize("level", [0.05, 0.05 / 20])
def test_a_difference_of_that_size_is_found_with_the_power_that_is_said(freedom, level):
    given = variance(objects=0.0, shared=0.0, seed_freedom=freedom)
    rng = np.random.default_rng(3)
    draws = rng.standard_normal(200_000) + smallest_difference(given, level, 0.8) / given.standard_error
    found = draws / np.sqrt(rng.chisquare(freedom, 200_000) / freedom) > stats.t.ppf(1 - level / 2, freedom)
    assert np.mean(found) == pytest.approx(0.8, abs=0.01)


def test_folds_give_no_more_degrees_of_freedom_than_there_are():
    assert variance(fold_count=5).freedom == 4
    assert variance(folds=1e-4, fold_count=2).freedom == 1
    assert variance(objects=0.0, seeds=0.0, shared=0.0, fold_count=5).freedom == np.inf


def test_intervals_with_folds_cover_other_training_photographs():
    """Of arms that differ in nothing, no more than 5 % are found to differ, though all trainings share photographs."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(300):
        world = CrossValidated(rng, objects=60, folds=5, seeds=3)
        spread = variance_of_difference(*world.arms, world.folds)
        gain = world.arms[0].scores.mean() - world.arms[1].scores.mean()
        found.append(abs(gain) > spread.standard_error * quantile(0.975, spread.freedom))
    assert np.mean(found) <= 0.05


def scored(rng, seeds=4, objects=50):
    without = 0.01 * rng.standard_normal((seeds, objects))
    return Scored(0.7 + 0.02 * rng.standard_normal(seeds), without, np.ones(objects, dtype=bool))


def test_the_parts_follow_their_formulas():
    rng = np.random.default_rng(5)
    arm, base = scored(rng), scored(rng, seeds=6)
    folds = np.arange(50) % 5
    found = variance_of_difference(arm, base, folds)
    gain = arm.without.mean(axis=0) - base.without.mean(axis=0)
    scale = 49 / 50
    assert found.objects == pytest.approx(scale * gain.var() * 50)
    welch = stats.ttest_ind(arm.scores, base.scores, equal_var=False)
    assert found.seeds == pytest.approx(stats.sem(arm.scores) ** 2 + stats.sem(base.scores) ** 2)
    assert found.seed_freedom == pytest.approx(welch.df)
    shared = sum(one.without.var(axis=0, ddof=1).sum() / len(one.without) for one in (arm, base))
    assert found.shared == pytest.approx(scale * shared)
    sums = np.array([gain[folds == fold].sum() for fold in range(5)])
    assert found.folds == pytest.approx(max(0, 5 * sums.var(ddof=1) - found.objects))


def test_without_folds_there_is_nothing_of_folds():
    rng = np.random.default_rng(6)
    found = variance_of_difference(scored(rng), scored(rng), np.zeros(50, dtype=int))
    assert (found.folds, found.fold_count) == (0, 1)


def test_objects_without_a_label_change_nothing():
    rng = np.random.default_rng(7)
    arm, base = scored(rng), scored(rng)
    some = np.arange(50) < 30
    masked = [Scored(one.scores, one.without, some) for one in (arm, base)]
    cut = [Scored(one.scores, one.without[:, some], some[some]) for one in (arm, base)]
    assert variance_of_difference(*masked, np.zeros(50, int)) == variance_of_difference(*cut, np.zeros(30, int))


def variance(**changes):
    given = {
        "objects": 4e-4, "seeds": 3e-4, "shared": 1e-4, "folds": 0.0,
        "seed_freedom": 6.0, "object_count": 200, "fold_count": 1,
    }  # fmt: skip
    return Variance(**(given | changes))


def test_the_total_is_never_below_that_of_objects_or_of_seeds():
    assert variance().total == pytest.approx(6e-4)
    assert variance(shared=9e-4).total == pytest.approx(4e-4)
    assert variance(objects=1e-4, shared=9e-4).total == pytest.approx(3e-4)
    assert variance(folds=1e-4, fold_count=5).total == pytest.approx(7e-4)


def test_seeds_alone_have_their_own_degrees_of_freedom():
    assert variance(objects=0.0, shared=0.0).freedom == pytest.approx(6)
    assert variance(seeds=0.0, shared=0.0).freedom == pytest.approx(199)
    assert variance(objects=0.0, seeds=0.0, shared=0.0).freedom == np.inf


@pytest.mark.parametrize("freedom", [2.0, 7.5, np.inf])
def test_quantiles_are_scipys(freedom):
    reference = stats.norm if np.isinf(freedom) else stats.t(freedom)
    assert quantile(0.975, freedom) == pytest.approx(reference.ppf(0.975), rel=1e-9)
    assert tail(1.3, freedom) == pytest.approx(reference.sf(1.3), rel=1e-9)


def test_more_seeds_are_the_fewest_that_do():
    given = variance(seeds=9e-4, shared=2e-4)
    found = needs(given, 4, 0.08, 0.05, 0.8)
    assert found.more_seeds > 0

    def with_seeds(more):
        share = 4 / (4 + more)
        return variance(objects=2e-4 + 2e-4 * share, seeds=9e-4 * share, shared=2e-4 * share, seed_freedom=6.0 / share)

    assert smallest_difference(with_seeds(found.more_seeds), 0.05, 0.8) <= 0.08
    assert smallest_difference(with_seeds(found.more_seeds - 1), 0.05, 0.8) > 0.08


def test_where_no_number_would_do_none_is_named():
    found = needs(variance(objects=9e-2, seeds=9e-2, shared=0.0), 4, 0.02, 0.05, 0.8)
    assert (found.more_objects, found.more_seeds) == (None, None)
