"""What a review decides, how far reviewers agree, and how controls score them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_desk import BAD, GOOD, STORED, TAXONOMY, WRONG_GLAZE, judge_all, manifest, review
from saggar.dataset.manifest import Manifest
from saggar.describing.shares import wilson
from saggar.errors import WrongStateError
from saggar_qc.review.agreement import agreement, agreement_of
from saggar_qc.review.choosing.plan import HeldReview, Question, plan_review
from saggar_qc.review.choosing.sampling import allocate, decide_combinations, set_share
from saggar_qc.review.journal import Desk
from saggar_qc.review.outcome import class_standings, conclude, verdict_rows
from saggar_qc.review.verdicts import Verdict
from sklearn.metrics import cohen_kappa_score


def test_disagreement_is_settled_by_somebody(store, clock):
    asked = review(4, double_share=1.0)
    desk = Desk(store, asked, clock)
    assert judge_all(desk, "ana", GOOD) == 4
    assert judge_all(desk, "ana", GOOD) == 0  # nobody is their own second
    first = desk.take("bo")
    desk.judge("bo", first.item_id, BAD)
    judge_all(desk, "bo", GOOD)
    ledger = desk.read()
    assert [s.item.item_id for s in ledger.conflicts()] == [first.item_id]
    assert not ledger.complete
    assert ledger.decision(first.item_id) is None
    with pytest.raises(WrongStateError, match="conflicts to settle: 1"):
        conclude(ledger, manifest(4))
    desk.settle("bo", first.item_id, BAD)
    with pytest.raises(WrongStateError, match="no conflict"):
        desk.settle("ana", first.item_id, GOOD)
    assert desk.read().complete
    outcome = conclude(desk.read(), manifest(4))
    assert len(outcome.accepted) == 3
    assert [r.source for r in outcome.rejected.records()] == [first.source]


def test_a_wrong_glaze_makes_the_label_unknown_and_keeps_the_image(store, clock):
    desk = Desk(store, review(4), clock)
    wrong = desk.take("ana")
    desk.judge("ana", wrong.item_id, WRONG_GLAZE)
    judge_all(desk, "ana", GOOD)
    outcome = conclude(desk.read(), manifest(4))
    assert len(outcome.accepted) == 4
    assert outcome.masked == {"glaze": 1}
    labels = {r.source: r.labels for r in outcome.accepted.records()}
    assert labels[wrong.source] == {"glaze": None, "type": "Bowl"}
    assert sum(each["glaze"] is None for each in labels.values()) == 1


@pytest.mark.parametrize(("bad", "whole"), [(0, False), (3, True)])
def test_a_sample_decides_for_the_set(store, clock, bad, whole):
    asked = review(200, policy="sample", sample_size=20)
    desk = Desk(store, asked, clock)
    for _ in range(bad):
        desk.judge("ana", desk.take("ana").item_id, BAD)
    judge_all(desk, "ana", GOOD)
    outcome = conclude(desk.read(), manifest(200))
    assert outcome.whole_set_rejected == whole
    assert len(outcome.accepted) == (0 if whole else 200)
    assert (outcome.passed.hits, outcome.passed.n) == (20 - bad, 20)


def test_a_sample_decides_for_each_combination(store, clock):
    asked = review(200, policy="sample", sample_size=100, least_pass_rate=0.6)
    desk = Desk(store, asked, clock)
    while (item := desk.take("ana")) is not None:
        bad = item.labels["glaze"] == "Celadon" and int(item.source.rpartition("-")[2]) % 3
        desk.judge("ana", item.item_id, BAD if bad else GOOD)
    outcome = conclude(desk.read(), manifest(200))
    assert {each.combination: each.kept for each in outcome.combinations} == {
        "Celadon, Bowl": False,
        "White, Bowl": True,
    }
    assert not outcome.whole_set_rejected
    assert {record.labels["glaze"] for record in outcome.accepted.records()} == {"White"}
    assert len(outcome.accepted) == 100
    assert outcome.passed.low < 0.6 < outcome.combinations[1].passed.low


# A common combination and nine rare ones, which get half of the sample between them.
UNEQUAL = {"common": 2000} | {f"rare{i}": 20 for i in range(9)}


def judged_sample(random, rates):
    """A sample of 100, with `rates` (common, rare) of each combination good."""
    verdicts = []
    for name, count in allocate(UNEQUAL, 100).items():
        good = round(UNEQUAL[name] * rates[name != "common"])
        hits = random.hypergeometric(good, UNEQUAL[name] - good, count)
        verdicts += [(name, place < hits) for place in range(count)]
    return verdicts


@pytest.mark.parametrize("rates", [(0.93, 0.5), (0.6, 0.95), (0.9, 0.9)])
def test_the_rate_of_a_set_holds_the_true_one_however_unequal_the_sample(rates):
    random = np.random.default_rng(0)
    truth = sum(images * rates[name != "common"] for name, images in UNEQUAL.items()) / sum(UNEQUAL.values())
    shares = [set_share(UNEQUAL, judged_sample(random, rates)) for _ in range(300)]
    assert np.mean([share.value for share in shares]) == pytest.approx(truth, abs=0.02)
    assert np.mean([share.low <= truth <= share.high for share in shares]) >= 0.91
    assert {share.n for share in shares} == {100}


def test_a_good_set_is_not_thrown_away_for_its_rare_combinations():
    random, thrown = np.random.default_rng(1), 0
    for _ in range(200):
        verdicts = judged_sample(random, (0.97, 0.5))
        gone = {each.combination for each in decide_combinations(UNEQUAL, verdicts, 0.8) if not each.kept}
        thrown += set_share(UNEQUAL, [each for each in verdicts if each[0] not in gone]).low < 0.8
    assert thrown <= 10


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 3))
def test_the_rate_of_one_combination_is_wilson_s(passed, times):
    found, plain = (
        set_share({"a": len(passed) * times}, [("a", each) for each in passed]),
        wilson(sum(passed), len(passed)),
    )
    assert (found.hits, found.n) == (plain.hits, plain.n)
    assert (found.low, found.value, found.high) == pytest.approx((plain.low, plain.value, plain.high))


def test_where_every_image_was_judged_the_rate_is_of_the_counts():
    found = set_share({"a": 30, "b": 2, "unseen": 5}, [("a", i < 20) for i in range(30)] + [("b", False)] * 2)
    plain = wilson(20, 32)
    assert (found.low, found.value, found.high) == (plain.low, plain.value, plain.high)


def test_few_images_that_all_passed_are_not_certain():
    found = set_share({f"c{i}": 100 for i in range(8)}, [(f"c{i}", True) for i in range(8)])
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(wilson(8, 8).low)
    nothing = set_share({"a": 5}, [])
    assert (nothing.n, nothing.low, nothing.high) == (0, 0, 1)


def test_a_rare_bad_combination_neither_sinks_the_set_nor_hides_in_its_shares(store, clock):
    frame = manifest(400).frame
    celadon = np.arange(len(frame)) >= 380  # twenty images of 400, half of the sample of 40
    of_set = Manifest(frame.assign(label_glaze=np.where(celadon, "Celadon", "White")), ("glaze", "type"))
    terms = HeldReview(policy="sample", sample_size=40, least_pass_rate=0.7, double_share=0.0, controls=0)
    desk = Desk(store, plan_review(Question("test", of_set, STORED, manifest(8, "real"), TAXONOMY), terms), clock)
    rare = 0
    while (item := desk.take("ana")) is not None:
        bad = item.labels["glaze"] == "Celadon" and (rare := rare + 1) % 2
        desk.judge("ana", item.item_id, Verdict(attributes={"glaze": "right", "type": "wrong"}) if bad else GOOD)
    outcome = conclude(desk.read(), of_set)
    assert not outcome.whole_set_rejected
    assert (outcome.passed.hits, outcome.passed.n) == (40 - (rare + 1) // 2, 40)
    form = next(each.right for each in outcome.attributes if each.subject == "type")
    bowls = next(each.passed for each in class_standings(desk.read()) if each.code == "Bowl")
    for share in (outcome.passed, form, bowls):
        assert share.value == pytest.approx(0.975, abs=0.01)
        assert share.low < 0.975 < share.high


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 300), min_size=1, max_size=12),
    st.integers(1, 400),
)
def test_a_sample_has_some_of_every_combination(strata, size):
    found = allocate(strata, size)
    assert sum(found.values()) == min(size, sum(strata.values()))
    assert all(0 <= found[name] <= strata[name] for name in strata)
    if size >= len(strata):
        assert all(found.values())


def test_shares_count_what_is_unsure(store, clock):
    desk = Desk(store, review(10), clock)
    answers = ["right"] * 6 + ["unsure"] * 3 + ["wrong"]
    for answer in answers:
        desk.judge("ana", desk.take("ana").item_id, Verdict(attributes={"glaze": answer, "type": "right"}))
    shares = {share.subject: share for share in conclude(desk.read(), manifest(10)).attributes}
    assert (shares["glaze"].right.hits, shares["glaze"].right.n, shares["glaze"].unsure) == (6, 10, 3)
    assert shares["glaze"].right.low == pytest.approx(0.3127, abs=1e-4)  # Wilson, by hand
    assert (shares["type"].right.hits, shares["no_modern"].right.hits) == (10, 10)


def test_krippendorff_s_worked_example():
    # Krippendorff (2011), "Computing Krippendorff's alpha-reliability", C: four observers, nominal: 0.743.
    table = """1 2 3 3 2 1 4 1 2 . . .
               1 2 3 3 2 2 4 1 2 5 . 3
               . 3 3 3 2 3 4 2 2 5 1 .
               1 2 3 3 2 4 4 1 2 5 1 ."""
    rows = [line.split() for line in table.splitlines()]
    units = [{str(who): code for who, code in enumerate(column) if code != "."} for column in zip(*rows, strict=True)]
    found = agreement_of("values", [unit for unit in units if len(unit) > 1])
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert found.alpha.low < found.alpha.value < found.alpha.high


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=30))
def test_kappa_is_scikit_learn_s(pairs):
    found = agreement_of("x", [{"one": one, "two": two} for one, two in pairs])
    if found.kappa is not None:
        assert found.kappa.value == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)), nan_ok=True)


def judged_by(people, count, random, noise=0.8):
    """Answers of `people` about images that are good or bad to some degree."""
    good = random.standard_normal(count)
    return [
        {who: "right" if each + noise * random.standard_normal() > limit else "wrong" for who, limit in people.items()}
        for each in good
    ]


def test_kappa_is_of_people_and_not_of_who_judged_first():
    random = np.random.default_rng(0)
    units = judged_by({"lenient": -1.0, "strict": 1.0}, 800, random, 0.5)
    mixed = [unit if random.random() < 0.5 else dict(reversed(unit.items())) for unit in units]
    theirs = cohen_kappa_score([unit["lenient"] for unit in units], [unit["strict"] for unit in units])
    assert agreement_of("x", mixed) == agreement_of("x", units)
    assert agreement_of("x", mixed).kappa.value == pytest.approx(theirs)


def test_kappa_of_more_people_is_the_weighted_mean_of_pairs():
    # Conger (1980): observed and expected agreement, each averaged over pairs.
    units = judged_by({"a": -0.5, "b": 0.0, "c": 0.8}, 60, np.random.default_rng(2))
    weighted, weights = 0.0, 0.0
    for one, other in combinations("abc", 2):
        x, y = ([unit[who] for unit in units] for who in (one, other))
        by_chance = sum((x.count(code) / 60) * (y.count(code) / 60) for code in ("right", "wrong"))
        weighted += (1 - by_chance) * cohen_kappa_score(x, y)
        weights += 1 - by_chance
    assert agreement_of("x", units).kappa.value == pytest.approx(weighted / weights)


def test_the_interval_of_kappa_takes_images_and_not_pairs_as_independent():
    random, people = np.random.default_rng(3), dict.fromkeys("abcdef", 0.0)
    many = judged_by(dict.fromkeys("ab", 0.0), 50_000, random)
    truth = cohen_kappa_score([unit["a"] for unit in many], [unit["b"] for unit in many])
    found = [agreement_of("x", judged_by(people, 40, random)).kappa for _ in range(30)]
    assert sum(each.low <= truth <= each.high for each in found) >= 25


@pytest.mark.parametrize(
    ("firsts", "seconds", "low"),
    [
        ("r" * 20, "r" * 19 + "w", -1.0),  # who always says the same agrees by chance: nothing is known
        ("r" * 12 + "w" * 8, "r" * 12 + "w" * 8, 1 - 3 / 20 / 0.48),
        ("rw", "rw", -1.0),
    ],
)
def test_an_interval_without_spread_is_not_of_zero_width(firsts, seconds, low):
    found = agreement_of("x", [{"a": one, "b": two} for one, two in zip(firsts, seconds, strict=True)]).kappa
    assert found.low == pytest.approx(low)
    assert found.high == 1.0
    three = agreement_of("x", [{"a": one, "b": two, "c": one} for one, two in zip(firsts, seconds, strict=True)])
    assert three.alpha.low < three.alpha.high


def test_pairs_who_gave_one_answer_each_have_no_kappa():
    found = agreement_of("x", [{"a": "right", "b": "right"}] * 5 + [{"c": "wrong", "d": "wrong"}] * 5)
    assert found.kappa is None
    assert (found.agreed, found.alpha.value) == (10, 1.0)


def test_controls_score_reviewers_and_stay_out_of_the_set(store, clock):
    asked = review(6, controls=3)
    desk = Desk(store, asked, clock)
    assert judge_all(desk, "ana", GOOD) == 12  # accepts everything: half of the controls
    score = desk.read().score_of("ana")
    assert (score.controls.hits, score.controls.n, score.verdicts) == (3, 6, 12)
    assert score.median_seconds == 2.0
    assert len(conclude(desk.read(), manifest(6)).accepted) == 6


def test_kappa_is_cohen_s(store, clock):
    # 20 pairs: both accept 12, both reject 4, 4 differ one way: po .8, pe .6 * .8 + .4 * .2 = .56
    desk = Desk(store, review(20, double_share=1.0), clock)
    firsts = [GOOD] * 12 + [BAD] * 8
    seconds = [GOOD] * 16 + [BAD] * 4
    order = []
    for verdict in firsts:
        item = desk.take("ana")
        order.append(item.item_id)
        desk.judge("ana", item.item_id, verdict)
    for item_id, verdict in zip(order, seconds, strict=True):
        assert desk.take("bo").item_id == item_id
        desk.judge("bo", item_id, verdict)
    by_subject = {one.subject: one for one in agreement(desk.read())}
    found = by_subject["decision"].kappa
    assert found.low < found.value < found.high
    assert by_subject["decision"].alpha is None
    assert found.value == pytest.approx((0.8 - 0.56) / (1 - 0.56))
    assert (by_subject["decision"].agreed, by_subject["decision"].pairs) == (16, 20)
    assert by_subject["glaze"].kappa is None  # everybody said "right"


def test_the_table_has_a_row_per_verdict(store, clock):
    desk = Desk(store, review(2), clock)
    judge_all(desk, "ana", WRONG_GLAZE)
    rows = list(verdict_rows(desk.read()))
    assert len(rows) == 2
    assert {(r["reviewer"], r["glaze_is"], r["decision"]) for r in rows} == {("ana", "wrong", "mask")}
