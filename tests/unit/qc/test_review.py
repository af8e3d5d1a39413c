"""A review's plan, ledger and log."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from review_desk import BAD, GOOD, TASKS, judge_all, manifest, review
from saggar.errors import InvalidInputError, WrongStateError
from saggar.store import DirectoryStore
from saggar_qc.review.agreement import agreement
from saggar_qc.review.journal import Desk, keep_review, list_reviews, read_review
from saggar_qc.review.ledger import Event, Ledger
from saggar_qc.review.outcome import CHECKS, conclude
from saggar_qc.review.verdicts import Verdict, decide


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
