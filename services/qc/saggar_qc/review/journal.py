"""The append-only log of a review in the store: `reviews/<id>/review.json`, `reviews/<id>/events/<n>.json`.

An event is one object under the next number. A store never overwrites, so of two processes that write the
same number one is refused, reads what the other wrote, and thinks again: no verdict is lost or counted twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from saggar.errors import AlreadyExistsError, NotFoundError, WrongStateError
from saggar.store import ObjectStore

from saggar_qc.review.choosing.plan import Item, Review
from saggar_qc.review.ledger import Event, Ledger
from saggar_qc.review.verdicts import Verdict

_ATTEMPTS = 20


def review_key(review_id: str) -> str:
    return f"reviews/{review_id}/review.json"


def keep_review(store: ObjectStore, review: Review) -> None:
    """Writes what is asked; the same review again is left as it is."""
    store.put(review_key(review.review_id), review.model_dump_json(indent=1).encode(), "application/json")


def read_review(store: ObjectStore, review_id: str) -> Review:
    """NotFoundError when there is none."""
    try:
        return Review.model_validate_json(store.get(review_key(review_id)))
    except NotFoundError:
        raise NotFoundError(f"no review {review_id} found; `saggar review` lists all of them", review_id) from None


def list_reviews(store: ObjectStore) -> list[str]:
    """Ids of all reviews."""
    keys = (key.split("/") for key in store.list("reviews/"))
    return [parts[1] for parts in keys if parts[2:] == ["review.json"]]


class Desk:
    """A review that people work on: its ledger, kept level with the log. Safe for many threads."""

    def __init__(self, store: ObjectStore, review: Review, clock: Callable[[], float] = time.time) -> None:
        """Reads the log to its end, some 5,000 events a second from a directory."""
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self.review = review
        self._ledger = Ledger(review)
        for key in store.list(f"reviews/{review.review_id}/events/"):
            self._ledger.apply(Event.model_validate_json(store.get(key)))

    def read(self) -> Ledger:
        """The ledger, level with the log. Don't change it."""
        with self._lock:
            self._catch_up()
            return self._ledger

    def take(self, reviewer: str) -> Item | None:
        """The next item for `reviewer`, leased to them; None when nothing is left for them."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                self._catch_up()
                now = self._clock()
                item = self._ledger.next_item(reviewer, now)
                if (
                    item is None
                    or self._ledger.holds(reviewer, item.item_id, now)
                    or self._append("lease", item.item_id, reviewer)
                ):
                    return item
        raise _contended()

    def open_item(self, reviewer: str, item_id: str) -> Item:
        """The item, leased to `reviewer` when they skipped it; as it is when they judged it.

        Raises WrongStateError for any other: what comes next is `take`'s to say.
        """
        with self._lock:
            self._catch_up()
            standing = self._ledger.standing(item_id)
            if reviewer not in standing.verdicts and reviewer not in standing.leases:
                if reviewer not in standing.skipped:
                    raise WrongStateError("you have not seen this image yet; it comes in its turn")
                self._insist("lease", item_id, reviewer)
            return standing.item

    def judge(self, reviewer: str, item_id: str, verdict: Verdict) -> None:
        """Adds a verdict, or puts it in place of the reviewer's earlier one where `revise` allows that. The same
        one twice, as a browser may send it, is taken once. No verdict took longer than the item was leased.

        Raises WrongStateError when the item is done, was not given to `reviewer`, or was judged otherwise by them.
        """
        with self._lock:
            self._catch_up()
            standing = self._ledger.standing(item_id)
            given = standing.verdicts.get(reviewer)
            if given is not None and _same(given, verdict):
                return
            if (since := standing.leases.get(reviewer)) is not None:
                elapsed = max(0.0, self._clock() - since)
                verdict = verdict.model_copy(update={"seconds": min(verdict.seconds, elapsed)})
            self._insist("verdict", item_id, reviewer, verdict)

    def revise(self, reviewer: str, item_id: str, verdict: Verdict) -> None:
        """Puts `verdict` in place of the reviewer's own. Raises WrongStateError when there is none, or when they may
        know by now what others said of the image, or that it is a control.
        """
        with self._lock:
            self._catch_up()
            self._refuse_unblinded(reviewer, item_id)
            given = self._ledger.standing(item_id).verdicts.get(reviewer)
            seconds = given.seconds if given is not None else verdict.seconds
            self._insist("revise", item_id, reviewer, verdict.model_copy(update={"seconds": seconds}))

    def skip(self, reviewer: str, item_id: str) -> None:
        """Puts an item back; it comes again when `reviewer` has seen the others."""
        with self._lock:
            self._insist("skip", item_id, reviewer)

    def undo(self, reviewer: str) -> Item | None:
        """Takes back the last verdict and leases its item again; None when there is none."""
        with self._lock:
            self._catch_up()
            item_id = self._ledger.last_verdict(reviewer)
            if item_id is None:
                return None
            self._refuse_unblinded(reviewer, item_id)
            self._insist("undo", item_id, reviewer)
            self._insist("lease", item_id, reviewer)
            return self._ledger.standing(item_id).item

    def settle(self, reviewer: str, item_id: str, verdict: Verdict) -> None:
        """Ends a conflict. Raises WrongStateError when there is none."""
        with self._lock:
            self._insist("settle", item_id, reviewer, verdict)

    def close(self, who: str) -> None:
        """Takes no more verdicts, for the experiment was cancelled; a closed review stays so."""
        with self._lock:
            self._catch_up()
            if not self._ledger.closed:
                self._insist("close", "", who)

    def reopen(self, who: str) -> None:
        """Goes on where `close` ended it."""
        with self._lock:
            self._catch_up()
            if self._ledger.closed:
                self._insist("reopen", "", who)

    def _refuse_unblinded(self, reviewer: str, item_id: str) -> None:
        standing = self._ledger.standing(item_id)
        known = standing.item.control is not None or len(standing.verdicts) > 1
        if known and self._ledger.may_see_all(reviewer):
            raise WrongStateError(
                "you have finished, and others' verdicts are open to you: this one stays as it was given blind"
            )

    def _insist(self, kind: str, item_id: str, reviewer: str, verdict: Verdict | None = None) -> None:
        for _ in range(_ATTEMPTS):
            self._catch_up()
            if self._append(kind, item_id, reviewer, verdict):
                return
        raise _contended()

    def _append(self, kind: str, item_id: str, reviewer: str, verdict: Verdict | None = None) -> bool:
        """Whether the event is in the log now; not when another process was quicker."""
        event = Event.model_validate(
            {"kind": kind, "item_id": item_id, "reviewer": reviewer, "at": self._clock(), "verdict": verdict}
        )
        self._ledger.check(event)
        data = json.dumps(event.model_dump(mode="json"), ensure_ascii=False).encode()
        try:
            self._store.put(self._key(self._ledger.events), data, "application/json")
        except AlreadyExistsError:
            return False
        self._ledger.apply(event)
        return True

    def _catch_up(self) -> None:
        while True:
            try:
                data = self._store.get(self._key(self._ledger.events))
            except NotFoundError:
                return
            self._ledger.apply(Event.model_validate_json(data))

    def _key(self, number: int) -> str:
        return f"reviews/{self.review.review_id}/events/{number:08d}.json"


class Desks:
    """The desks of all reviews of a store, each read once."""

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self.store, self.clock = store, clock
        self._desks: dict[str, Desk] = {}
        self._lock = threading.Lock()

    def desk(self, review_id: str) -> Desk:
        """NotFoundError when there is no such review."""
        with self._lock:
            if review_id not in self._desks:
                self._desks[review_id] = Desk(self.store, read_review(self.store, review_id), self.clock)
            return self._desks[review_id]


def _same(one: Verdict, other: Verdict) -> bool:
    return one.model_copy(update={"seconds": 0.0}) == other.model_copy(update={"seconds": 0.0})


def _contended() -> WrongStateError:
    return WrongStateError("too many people wrote to this review at the same moment; try again")
