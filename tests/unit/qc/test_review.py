"""A review's plan, ledger, log and outcome."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError, WrongStateError
from saggar.files.yamlfile import parse_yaml
from saggar.store import DirectoryStore, ObjectRef
from saggar.taxonomy import Taxonomy
from saggar_qc.review.agreement import agreement, agreement_of
from saggar_qc.review.journal import Desk, keep_review, list_reviews, read_review
from saggar_qc.review.ledger import Event, Ledger
from saggar_qc.review.outcome import CHECKS, conclude, verdict_rows
from saggar_qc.review.plan import HeldReview, Question, plan_review
from saggar_qc.review.sampling import allocate
from saggar_qc.review.verdicts import Verdict, decide
from sklearn.metrics import cohen_kappa_score

TASKS = ("glaze", "type")
TAXONOMY = parse_yaml(
    """
id: small
title: Two tasks
caption: ["{glaze} {type}"]
prompt: ["{glaze} {type}"]
tasks:
  - name: glaze
    classes:
      - {code: White, names: {en: white}, phrase: white}
      - {code: Celadon, names: {en: celadon}, phrase: celadon}
      - {code: Black, names: {en: black}, phrase: black}
  - name: type
    classes:
      - {code: Bowl, names: {en: bowl, zh-Hans: 碗}, phrase: bowl}
      - {code: Vase, names: {en: vase}, phrase: vase}
""",
    Taxonomy,
    "small.yaml",
)
STORED = ObjectRef("datasets/x/manifest.parquet", "0" * 64, 10, "application/vnd.apache.parquet")
GOOD = Verdict(attributes={"glaze": "right", "type": "right"}, seconds=2.0)
BAD = Verdict(attributes={"glaze": "right", "type": "right"}, reason="malformed")
WRONG_GLAZE = Verdict(attributes={"glaze": "wrong", "type": "right"})


def manifest(count, origin="synthetic"):
    return Manifest.from_records(
        (
            Record(
                image=f"images/aa/{origin}{i}.png",
                object_id=f"{origin}{i}",
                labels={"glaze": ("White", "Celadon")[i % 2], "type": "Bowl"},
                split="train",
                origin=origin,
                source=f"{origin}-{i}",
            )
            for i in range(count)
        ),
        TASKS,
    )


def review(count=6, **changes):
    chosen = HeldReview(**{"double_share": 0.0, "controls": 0} | changes)
    return plan_review(Question("test", manifest(count), STORED, manifest(8, "real"), TAXONOMY), chosen)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path)


@pytest.fixture
def clock():
    return Clock()


def judge_all(desk, reviewer, verdict):
    judged = 0
    while (item := desk.take(reviewer)) is not None:
        desk._clock.now += verdict.seconds
        desk.judge(reviewer, item.item_id, verdict)
        judged += 1
    return judged


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("accept", set())),
        ({"attributes": {"glaze": "unsure", "type": "right"}}, ("accept", set())),
        ({"attributes": {"glaze": "wrong", "type": "right"}}, ("mask", {"glaze"})),
        ({"attributes": {"glaze": "right", "type": "wrong"}}, ("reject", set())),
        ({"attributes": {"glaze": "wrong", "type": "wrong"}}, ("reject", set())),
        ({"attributes": {"glaze": "wrong"}}, ("reject", set())),
        ({"plausible": False}, ("reject", set())),
        ({"coherent": False}, ("reject", set())),
        ({"modern": True}, ("reject", set())),
        ({"reason": "blurred"}, ("reject", set())),
    ],
)
def test_what_a_verdict_means(changes, expected):
    verdict = GOOD.model_copy(update=changes)
    decision, masked = decide(verdict, frozenset({"glaze"}))
    assert (decision, set(masked)) == expected


def test_a_plan_is_the_same_for_equal_inputs_and_has_what_was_asked():
    one = review(40, double_share=0.25, controls=4)
    assert one == review(40, double_share=0.25, controls=4)
    assert len(one.asked) == 40
    assert sum(item.double for item in one.items) == 10
    assert sorted(i.control for i in one.items if i.control) == ["bad"] * 4 + ["real"] * 4
    known = {r.image: r.labels for r in manifest(8, "real").records()}
    for item in one.items:
        if item.control == "real":
            assert item.labels == known[item.image]
        if item.control == "bad":
            assert sum(item.labels[task] != known[item.image][task] for task in TASKS) == 1
        assert not {i.image for i in one.items if i.control} & {*item.neighbours, *item.alike}
        assert all(one.captions[key] == known[key] for key in item.alike)
    assert len({item.item_id for item in one.items}) == 48
    assert len(review(40, policy="sample", sample_size=7).asked) == 7


def test_nothing_to_review_is_an_error():
    with pytest.raises(InvalidInputError, match="nothing to review"):
        review(0)


def test_two_people_never_have_the_same_item(store, clock):
    desk = Desk(store, review(), clock)
    first, second = desk.take("ana"), desk.take("bo")
    assert first != second
    assert desk.take("ana") == first  # a page that is loaded again shows the same
    clock.now += 601
    desk.judge("bo", second.item_id, GOOD)
    assert desk.take("bo") == first  # ana's time is over
    desk.judge("ana", first.item_id, BAD)  # but she was quicker
    with pytest.raises(WrongStateError, match="somebody else"):
        desk.judge("bo", first.item_id, GOOD)


def test_undo_brings_the_item_back_and_the_log_keeps_both(store, clock):
    desk = Desk(store, review(), clock)
    item = desk.take("ana")
    desk.judge("ana", item.item_id, BAD)
    assert desk.take("ana") != item
    assert desk.undo("ana") == item
    assert desk.take("ana") == item
    desk.judge("ana", item.item_id, GOOD)
    assert desk.read().decision(item.item_id)[0] == "accept"
    assert desk.undo("bo") is None
    kinds = [Event.model_validate_json(store.get(key)).kind for key in store.list("reviews/")]
    assert kinds == ["lease", "verdict", "lease", "undo", "lease", "verdict"]


def test_only_who_was_given_an_image_may_judge_it(store, clock):
    desk = Desk(store, review(), clock)
    held = desk.take("ana")
    other = next(item for item in desk.review.items if item != held)
    with pytest.raises(WrongStateError, match="not given to you"):
        desk.judge("ana", other.item_id, GOOD)
    with pytest.raises(WrongStateError, match="not given to you"):
        desk.judge("bo", held.item_id, GOOD)
    with pytest.raises(WrongStateError, match="not seen"):
        desk.open_item("bo", held.item_id)
    assert desk.read().events == 1


@pytest.mark.parametrize("task", ["foo", "dynasty", ""])
def test_a_verdict_on_what_is_not_claimed_is_refused(store, clock, task):
    desk = Desk(store, review(4, double_share=1.0), clock)
    for who in ("ana", "bo"):
        item = desk.take(who)
        with pytest.raises(InvalidInputError, match=f"nothing about '{task}'"):
            desk.judge(who, item.item_id, Verdict(attributes={task: "right"}))


def test_a_log_that_was_poisoned_before_is_still_read(store, clock):
    asked = review(1, double_share=1.0)
    strange = Verdict(attributes={"foo": "right"}).model_dump()
    for number, who in enumerate(("ana", "bo")):
        event = {"kind": "verdict", "item_id": asked.items[0].item_id, "reviewer": who, "at": 1.0, "verdict": strange}
        key = f"reviews/{asked.review_id}/events/{number:08d}.json"
        store.put(key, json.dumps(event).encode(), "application/json")
    ledger = Desk(store, asked, clock).read()
    assert [each.subject for each in agreement(ledger)] == ["decision"]
    assert {share.subject for share in conclude(ledger, manifest(1)).attributes} == {*CHECKS}


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1, 1e9])
def test_seconds_are_a_time(seconds):
    with pytest.raises(ValueError, match="seconds"):
        Verdict(seconds=seconds)


def test_nobody_took_longer_than_the_image_was_theirs(store, clock):
    desk = Desk(store, review(), clock)
    item = desk.take("ana")
    clock.now += 0.2
    desk.judge("ana", item.item_id, Verdict(seconds=30))
    assert desk.read().standing(item.item_id).verdicts["ana"].seconds == pytest.approx(0.2)


def test_a_verdict_can_be_revised_until_others_are_known(store, clock):
    desk = Desk(store, review(4, double_share=0.5, controls=1), clock)
    item = desk.take("ana")
    desk.judge("ana", item.item_id, GOOD)
    desk.revise("ana", item.item_id, BAD)
    assert desk.read().standing(item.item_id).verdicts["ana"].reason == "malformed"
    with pytest.raises(WrongStateError, match="have not judged"):
        desk.revise("bo", item.item_id, BAD)
    judge_all(desk, "ana", GOOD)
    judge_all(desk, "bo", GOOD)
    assert desk.read().may_see_all("ana")
    double = next(item for item in desk.review.items if item.double)
    control = next(item for item in desk.review.items if item.control)
    for seen in (double, control):
        if "ana" in desk.read().standing(seen.item_id).verdicts:
            with pytest.raises(WrongStateError, match="given blind"):
                desk.revise("ana", seen.item_id, BAD)


def test_a_closed_review_takes_nothing_until_it_is_reopened(store, clock):
    desk = Desk(store, review(), clock)
    item = desk.take("ana")
    desk.close("experiment")
    desk.close("experiment")
    assert desk.take("ana") is None
    with pytest.raises(WrongStateError, match="closed"):
        desk.judge("ana", item.item_id, GOOD)
    with pytest.raises(WrongStateError, match="closed"):
        conclude(desk.read(), manifest(6))
    again = Desk(store, desk.review, clock)
    again.reopen("experiment")
    assert again.take("ana") == item
    again.judge("ana", item.item_id, GOOD)


@pytest.mark.parametrize(("seconds", "verdict", "concern"), [(0.2, GOOD, "0.2 s"), (3.0, BAD, "0 of 5 control")])
def test_an_unreliable_reviewer_is_named_and_may_be_left_out(store, clock, seconds, verdict, concern):
    asked = review(20, controls=5, leave_out_unreliable=True)
    # Whoever rejects everything fails the five photographs, whoever accepts everything the five wrong labels.
    desk = Desk(store, asked.model_copy(update={"items": _controls_right(asked, verdict)}), clock)
    judged = judge_all(desk, "ana", verdict.model_copy(update={"seconds": seconds}))
    ledger = desk.read()
    assert concern in ledger.score_of("ana").concern
    assert ledger.is_left_out("ana")
    assert judged < len(asked.items)
    assert ledger.left == len(asked.items)  # all that she judged is open again
    assert judge_all(desk, "bo", GOOD) == len(asked.items)
    assert conclude(desk.read(), manifest(20)).passed.n == 20
    honest = Desk(DirectoryStore(store.root / "other"), review(20, controls=5), clock)
    judge_all(honest, "ana", verdict.model_copy(update={"seconds": seconds}))
    assert not honest.read().is_left_out("ana")  # unless the settings say so


def _controls_right(asked, verdict):
    """The items, all controls photographs where the verdict rejects, so that each is failed."""
    if verdict is GOOD:
        return asked.items
    return tuple(i.model_copy(update={"control": "real"}) if i.control else i for i in asked.items)


def test_what_is_skipped_comes_back_last(store, clock):
    desk = Desk(store, review(3), clock)
    item = desk.take("ana")
    desk.skip("ana", item.item_id)
    seen = []
    while (following := desk.take("ana")) is not None:
        seen.append(following.item_id)
        desk.judge("ana", following.item_id, GOOD)
    assert len(seen) == 3
    assert seen[-1] == item.item_id


def test_a_verdict_sent_twice_counts_once(store, clock):
    desk = Desk(store, review(), clock)
    item = desk.take("ana")
    desk.judge("ana", item.item_id, GOOD)
    desk.judge("ana", item.item_id, GOOD)
    assert desk.read().verdicts_of("ana") == 1
    with pytest.raises(WrongStateError, match="undo that first"):
        desk.judge("ana", item.item_id, BAD)


def test_a_new_process_goes_on_from_the_log(store, clock):
    desk = Desk(store, review(), clock)
    held = desk.take("ana")
    other = desk.take("bo")
    desk.judge("bo", other.item_id, GOOD)
    again = Desk(store, review(), clock)
    assert again.read().verdicts_of("bo") == 1
    assert again.take("ana") == held
    assert again.take("bo") not in (held, other)
    desk.judge("ana", held.item_id, GOOD)  # both at once: each reads what the other wrote
    assert again.read().verdicts_of("ana") == 1


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
    with pytest.raises(WrongStateError, match="1 conflicts to settle"):
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


def test_reviews_are_kept_and_found(store):
    asked = review()
    keep_review(store, asked)
    keep_review(store, asked)
    assert list_reviews(store) == [asked.review_id]
    assert read_review(store, asked.review_id) == asked


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["take", "accept", "reject", "skip", "undo", "wait"]), st.sampled_from("abc")),
    max_size=60,
)


class Play:
    """People at a review, doing as they like; events out of turn are refused, as the pages would."""

    def __init__(self, asked):
        self.ledger, self.now, self.log, self.holding = Ledger(asked), 0.0, [], {}

    def add(self, kind, reviewer, item_id, verdict=None):
        event = Event(kind=kind, item_id=item_id, reviewer=reviewer, at=self.now, verdict=verdict)
        try:
            self.ledger.check(event)
            self.ledger.apply(event)
        except WrongStateError:
            return
        self.log.append(event)

    def do(self, operation, who):
        if operation == "wait":
            self.now += 400.0
        elif operation == "take" and (item := self.ledger.next_item(who, self.now)) is not None:
            self.holding[who] = item.item_id
            self.add("lease", who, item.item_id)
        elif operation == "undo" and (last := self.ledger.last_verdict(who)) is not None:
            self.add("undo", who, last)
        elif operation == "skip" and who in self.holding:
            self.add("skip", who, self.holding.pop(who))
        elif operation in {"accept", "reject"} and who in self.holding:
            self.add("verdict", who, self.holding.pop(who), GOOD if operation == "accept" else BAD)


@examples(60)
@given(OPERATIONS, st.sampled_from([0.0, 0.5, 1.0]))
def test_whatever_people_do_nothing_is_lost_or_doubled(operations, double_share):
    asked = review(5, double_share=double_share)
    play = Play(asked)
    for operation, who in operations:
        play.do(operation, who)
    kinds = [event.kind for event in play.log]
    standings = list(play.ledger.standings())
    assert sum(len(s.verdicts) for s in standings) == kinds.count("verdict") - kinds.count("undo")
    assert all(len(s.verdicts) <= play.ledger.needed(s.item.item_id) for s in standings)
    again = Ledger(asked)
    for event in play.log:
        again.apply(event)
    assert [s.verdicts for s in again.standings()] == [s.verdicts for s in standings]
