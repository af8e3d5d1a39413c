import numpy as np
import pytest
from invented_answers import arm, said, taxonomy
from saggar_orchestrator.findings.answers import Trained, bring_together
from saggar_orchestrator.findings.comparison import MEAN, Rules, compare
from saggar_orchestrator.findings.results import find
from saggar_orchestrator.findings.scores import TrainingCounts, rare_images
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

CLASSES = {"kind": 3, "glaze": 4}
TAXONOMY = taxonomy(CLASSES)


def truth(rng, n=300):
    return {task: rng.integers(0, count, n) for task, count in CLASSES.items()}


def rows_of(seed=0, hits=(0.7, 0.7), seeds=(5, 5), n=300, rules=None, luck=0.02, **settings):
    """Rows, by task, of one arm against a baseline."""
    rng = np.random.default_rng(seed)
    true = truth(rng, n)
    base, other = (
        bring_together(name, arm(rng, true, CLASSES, hit, count, luck=luck, **settings))
        for name, hit, count in zip(("baseline", "other"), hits, seeds, strict=True)
    )
    found = {row.task: row for row in compare(TAXONOMY, [other], base, rules)}
    mirrored = {row.task: row for row in compare(TAXONOMY, [base], other, rules)}
    return found, mirrored


def test_an_arm_with_the_baselines_answers_differs_by_nothing():
    rng = np.random.default_rng(1)
    trained = arm(rng, truth(rng), CLASSES, 0.7, 4)
    rows = compare(TAXONOMY, [bring_together("same", trained)], bring_together("baseline", trained))
    assert [row.task for row in rows] == ["kind", "glaze", MEAN]
    for row in rows:
        assert row.identical
        assert row.verdict == "same"
        assert row.macro_f1.mean == row.accuracy.mean == 0
        assert row.macro_f1.low == -row.macro_f1.high
        assert row.macro_f1.variance.objects == 0  # no object speaks for either
        assert row.sign_flip.p == 1
        assert all(one.p == 1 and one.arm_only == one.baseline_only == 0 for one in row.discordant)
        assert row.share_of_better == pytest.approx(0.5)


def test_an_arm_that_got_no_images_and_answers_as_the_baseline_is_no_row():
    rng = np.random.default_rng(1)
    true = truth(rng, 60)
    trained = {"baseline": arm(rng, true, CLASSES, 0.7, 3), "other": arm(rng, true, CLASSES, 0.8, 3)}
    counts = TrainingCounts(
        {task: [5] * number for task, number in CLASSES.items()},
        rare_images(trained["baseline"][0].predictions.images, true, true),
    )
    alone = find(TAXONOMY, trained, "baseline", counts)
    trained |= {"empty": trained["baseline"], "learns otherwise": trained["other"]}
    found = find(TAXONOMY, trained, "baseline", counts, nothing_added=("empty", "learns otherwise"))
    assert "differences" not in found.arms["empty"]
    assert "differences" in found.arms["learns otherwise"]
    assert found.evidence["rows"] == 6  # of two arms
    fewer = find(
        TAXONOMY,
        {name: trained[name] for name in ("baseline", "other", "empty")},
        "baseline",
        counts,
        nothing_added=("empty",),
    )
    assert fewer.evidence == alone.evidence
    assert fewer.arms["other"] == alone.arms["other"]  # not corrected for rows that compare nothing


def test_a_large_difference_is_found_and_its_reverse_is_its_mirror():
    found, mirrored = rows_of(hits=(0.5, 0.9))
    for task, row in found.items():
        other = mirrored[task]
        assert (row.verdict, other.verdict) == ("helped", "worse")
        assert row.macro_f1.mean == -other.macro_f1.mean
        assert (row.macro_f1.low, row.macro_f1.high) == pytest.approx((-other.macro_f1.high, -other.macro_f1.low))
        assert row.p == pytest.approx(other.p)
        assert row.share_of_better == 1 - other.share_of_better == 1
        assert row.sign_flip == other.sign_flip


def test_the_mean_is_the_mean_of_the_tasks():
    found, _ = rows_of()
    for score in ("macro_f1", "accuracy"):
        of_tasks = [getattr(found[task], score).mean for task in CLASSES]
        assert getattr(found[MEAN], score).mean == pytest.approx(np.mean(of_tasks))


def test_p_values_are_adjusted_over_all_rows_of_all_arms():
    rng = np.random.default_rng(2)
    true = truth(rng)
    base, *others = (
        bring_together(name, arm(rng, true, CLASSES, hit, 4)) for name, hit in (("b", 0.7), ("x", 0.76), ("y", 0.74))
    )
    rows = compare(TAXONOMY, others, base)
    assert len(rows) == 6
    expected = multipletests([row.p for row in rows], method="holm")[1]
    assert [row.p_adjusted for row in rows] == pytest.approx(list(expected))
    alone = compare(TAXONOMY, others[:1], base)
    assert all(one.p_adjusted <= row.p_adjusted for one, row in zip(alone, rows, strict=False))


def test_mcnemar_is_exact_and_per_seed():
    rng = np.random.default_rng(3)
    true = truth(rng)
    base, other = (bring_together(name, arm(rng, true, CLASSES, hit, 3)) for name, hit in (("b", 0.6), ("o", 0.7)))
    row = compare(TAXONOMY, [other], base)[0]
    assert [one.seed for one in row.discordant] == [0, 1, 2]
    for seed, one in enumerate(row.discordant):
        ours, theirs = (side.predicted["kind"][seed] == true["kind"] for side in (other, base))
        table = [[(ours & theirs).sum(), (ours & ~theirs).sum()], [(~ours & theirs).sum(), (~ours & ~theirs).sum()]]
        assert (one.arm_only, one.baseline_only) == (table[0][1], table[1][0])
        assert one.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert row.disagreement == pytest.approx(
        np.mean([(one.arm_only + one.baseline_only) / 300 for one in row.discordant])
    )


def test_copies_of_photographs_are_no_evidence():
    rng = np.random.default_rng(4)
    true = truth(rng, 60)
    sides = [arm(rng, true, CLASSES, hit, 4) for hit in (0.6, 0.7)]

    def tripled(one):
        said_of = one.predictions
        repeat = lambda values: {task: np.repeat(v, 3) for task, v in values.items()}  # noqa: E731
        names = [f"object {i}" for i in range(60) for _ in range(3)]
        return Trained(one.seed, said(repeat(said_of.true), repeat(said_of.predicted), CLASSES, names))

    base, other = (bring_together(name, side) for name, side in zip("bo", sides, strict=True))
    base3, other3 = (bring_together(name, [tripled(o) for o in s]) for name, s in zip("bo", sides, strict=True))
    for alone, together in zip(compare(TAXONOMY, [other], base), compare(TAXONOMY, [other3], base3), strict=True):
        assert together.objects == alone.objects == 60
        assert (together.macro_f1.low, together.macro_f1.high) == pytest.approx(
            (alone.macro_f1.low, alone.macro_f1.high)
        )
        assert together.discordant == alone.discordant


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_get_no_verdict(seeds):
    found, _ = rows_of(hits=(0.4, 0.95), seeds=(seeds, seeds))
    for row in found.values():
        assert row.verdict == "unclear"
        assert row.macro_f1.low is row.macro_f1.high is row.p is row.p_adjusted is row.needs is None
        assert row.macro_f1.mean > 0.3


def test_arms_may_have_other_seeds_than_the_baseline():
    found, _ = rows_of(hits=(0.5, 0.9), seeds=(5, 3))
    for row in found.values():
        assert row.verdict == "helped"
        assert row.sign_flip is None
        assert row.discordant == ()


def test_five_test_objects_cannot_tell():
    found, _ = rows_of(hits=(0.1, 1.0), n=5)
    assert {row.verdict for row in found.values()} == {"unclear"}
    assert all(row.p is None for row in found.values())


def test_a_small_difference_on_many_objects_is_called_none():
    found, _ = rows_of(n=20_000, seeds=(6, 6), luck=0.002)
    for row in found.values():
        assert row.verdict == "same"
        assert row.p_same_adjusted <= 0.05
        assert -0.02 < row.macro_f1.low < row.macro_f1.high < 0.02


def test_a_task_without_labels_has_no_row():
    rng = np.random.default_rng(5)
    true = truth(rng) | {"glaze": np.full(300, -1)}
    base, other = (bring_together(name, arm(rng, true, CLASSES, 0.7, 3)) for name in "bo")
    assert [row.task for row in compare(TAXONOMY, [other], base)] == ["kind", MEAN]


def test_without_any_labels_there_is_no_row():
    rng = np.random.default_rng(6)
    true = {task: np.full(30, -1) for task in CLASSES}
    base, other = (bring_together(name, arm(rng, true, CLASSES, 0.7, 3)) for name in "bo")
    assert compare(TAXONOMY, [other], base) == ()


def test_a_class_of_one_test_object_decides_nothing_alone():
    """Everything equal but the one object of a class, which the arm always gets right: a third of macro-F1."""
    rng = np.random.default_rng(7)
    true = {"kind": np.array([0, 1] * 60 + [2])}
    three = taxonomy({"kind": 3})
    trained = [arm(rng, {"kind": true["kind"]}, {"kind": 3}, 0.9, 4) for _ in range(2)]
    for side, answer in zip(trained, (0, 2), strict=True):
        for one in side:
            one.predictions.predicted["kind"][-1] = answer
            one.predictions.predicted["kind"][:-1] = trained[0][one.seed].predictions.predicted["kind"][:-1]
            one.predictions.predicted["kind"][:-1][one.predictions.predicted["kind"][:-1] == 2] = 0
    base, other = (bring_together(name, side) for name, side in zip("bo", trained, strict=True))
    row = compare(three, [other], base)[0]
    assert row.macro_f1.mean > 0.3
    assert row.verdict == "unclear"


def test_an_unclear_row_says_what_would_let_the_data_tell():
    found, _ = rows_of(seed=8, hits=(0.70, 0.74), n=120, seeds=(4, 4), luck=0.0)
    row = found["kind"]
    assert row.verdict == "unclear"
    assert row.needs.target == max(0.02, abs(row.macro_f1.mean))
    assert row.needs.more_objects > 0
    assert row.smallest_difference > row.needs.target


def test_a_wider_margin_lets_the_same_data_say_no_difference():
    settings = {"seed": 8, "hits": (0.70, 0.74), "n": 120, "seeds": (4, 4), "luck": 0.0}
    assert rows_of(**settings, rules=Rules(margin=0.2))[0]["kind"].verdict == "same"
