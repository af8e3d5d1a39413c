"""The state of a review: a fold over its events. Pure; the clock comes in as an argument.

Who has an item open holds a lease on it; only they can judge it. An item is done when it has as many verdicts as it
needs and they agree; verdicts that disagree make a conflict, which somebody settles. Where the review leaves
unreliable reviewers out, their verdicts do not count, and they get no more items. A closed review takes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict
from saggar.errors import InvalidInputError, WrongStateError

from saggar_qc.review.choosing.plan import Item, Review
from saggar_qc.review.reliability import ReviewerScore, score
from saggar_qc.review.verdicts import Decision, Verdict, decide

Kind = Literal["lease", "verdict", "revise", "skip", "undo", "settle", "close", "reopen"]
_WITH_VERDICT = {"verdict", "revise", "settle"}
_OF_THE_REVIEW = {"close", "reopen"}
State = Literal["open", "conflict", "done"]


class Event(BaseModel):
    """One line of the journal. `at` is in seconds since 1970."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    item_id: str  # empty for what concerns the whole review
    reviewer: str
    at: float
    verdict: Verdict | None = None


@dataclass
class Standing:
    """How one item stands."""

    item: Item
    verdicts: dict[str, Verdict] = field(default_factory=dict)  # by reviewer, oldest first
    leases: dict[str, float] = field(default_factory=dict)  # reviewer -> when it was taken
    skipped: set[str] = field(default_factory=set)
    settled: Verdict | None = None
    settled_by: str = ""


class Ledger:
    """Takes events in their order and answers what follows from them."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self._maskable = frozenset(review.settings.maskable_tasks)
        self._standings = {item.item_id: Standing(item) for item in review.items}
        self._given: dict[str, list[str]] = {}  # reviewer -> items of their verdicts, oldest first
        self._held: dict[str, str] = {}  # reviewer -> the item that they lease
        self._open = dict.fromkeys(self._standings)  # items that need verdicts yet, in the queue's order
        self._conflicts: dict[str, None] = {}
        self._left_out: set[str] = set()
        self.closed = False
        self.events = 0

    def apply(self, event: Event) -> None:
        """Takes an event that was accepted once. Raises WrongStateError for one that could not have been."""
        self._check_order(event)
        self.events += 1
        if event.kind in _OF_THE_REVIEW:
            self.closed = event.kind == "close"
            return
        standing = self._standings[event.item_id]
        if event.kind == "lease":
            if (before := self._held.get(event.reviewer)) is not None:
                self._standings[before].leases.pop(event.reviewer, None)
            standing.leases[event.reviewer] = event.at
            self._held[event.reviewer] = event.item_id
        elif event.kind in {"verdict", "revise"}:
            assert event.verdict is not None  # noqa: S101 checked above
            standing.verdicts[event.reviewer] = event.verdict
            if event.kind == "verdict":
                self._given.setdefault(event.reviewer, []).append(event.item_id)
                self._release(event)
        elif event.kind == "skip":
            standing.skipped.add(event.reviewer)
            self._release(event)
        elif event.kind == "undo":
            del standing.verdicts[event.reviewer]
            self._given[event.reviewer].remove(event.item_id)
        else:
            standing.settled, standing.settled_by = event.verdict, event.reviewer
        self._sort(event.item_id)
        if event.kind in {"verdict", "revise", "undo"}:
            self._weigh(event.reviewer)

    def check(self, event: Event) -> None:
        """Whether a new event may be added: as `apply`, and a verdict is on an image that its reviewer has open and
        on labels that it claims. Raises InvalidInputError or WrongStateError.
        """
        self._check_order(event)
        if self.closed and event.kind not in _OF_THE_REVIEW:
            raise WrongStateError("this review was closed, for its experiment was cancelled; it takes no verdicts")
        if event.kind in _OF_THE_REVIEW:
            return
        standing = self._standings[event.item_id]
        if event.kind in {"verdict", "skip"} and event.reviewer not in standing.leases:
            raise WrongStateError("this image was not given to you; open the review's page to get one")
        claimed = standing.item.labels.keys()
        if event.verdict is not None and (strange := sorted(event.verdict.attributes.keys() - claimed)):
            raise InvalidInputError(f"the image claims nothing about '{strange[0]}'; it claims {', '.join(claimed)}")

    def _check_order(self, event: Event) -> None:
        if event.kind in _OF_THE_REVIEW:
            return
        standing = self._standings.get(event.item_id)
        if standing is None:
            raise InvalidInputError(f"item {event.item_id} is not of review {self.review.review_id}")
        if (event.kind in _WITH_VERDICT) != (event.verdict is not None):
            raise InvalidInputError(
                f"an event '{event.kind}' {'without a verdict' if event.verdict is None else 'cannot have a verdict'}"
            )
        self._check_turn(event, standing)
        if event.kind == "settle" and self.state(event.item_id) != "conflict":
            raise WrongStateError("there is no conflict about this image (any more)")

    def _check_turn(self, event: Event, standing: Standing) -> None:
        if event.kind == "verdict":
            if event.reviewer in standing.verdicts:
                raise WrongStateError("you have judged this image already; undo that first")
            if len(self.counted(standing)) >= self.needed(event.item_id) or standing.settled:
                raise WrongStateError("somebody else has judged this image meanwhile; it is done")
        if event.kind in {"undo", "revise"}:
            if event.reviewer not in standing.verdicts:
                raise WrongStateError("you have not judged this image")
            if standing.settled:
                raise WrongStateError("this image was settled meanwhile; its verdict stands")

    def next_item(self, reviewer: str, now: float) -> Item | None:
        """The item that `reviewer` gets now: the one they hold, else the first that needs them."""
        if self.closed or reviewer in self._left_out:
            return None
        held = self._held.get(reviewer)
        if held is not None and held in self._open and self._needs(held, reviewer, now):
            return self._standings[held].item
        for skipped in (False, True):  # what they skipped comes back at the end
            for item_id in self._open:
                standing = self._standings[item_id]
                if (reviewer in standing.skipped) == skipped and self._needs(item_id, reviewer, now):
                    return standing.item
        return None

    def holds(self, reviewer: str, item_id: str, now: float) -> bool:
        """Whether `reviewer` has a lease with more than half of its time left."""
        taken = self._standings[item_id].leases.get(reviewer)
        return taken is not None and now - taken < self.review.settings.lease_seconds / 2

    def following(self, reviewer: str, after: str, now: float, count: int = 3) -> list[Item]:
        """The items that come next, for fetching their images ahead."""
        found: list[Item] = []
        for item_id in self._open:
            if item_id != after and self._needs(item_id, reviewer, now):
                found.append(self._standings[item_id].item)
                if len(found) == count:
                    break
        return found

    def last_verdict(self, reviewer: str) -> str | None:
        """The item that an undo would take back."""
        given = self._given.get(reviewer)
        return given[-1] if given else None

    def needed(self, item_id: str) -> int:
        """How many people have to look at it."""
        return 2 if self._standings[item_id].item.double else 1

    def counted(self, standing: Standing) -> dict[str, Verdict]:
        """The verdicts by reviewer, without those of reviewers who were left out."""
        if not self._left_out:
            return standing.verdicts
        return {who: verdict for who, verdict in standing.verdicts.items() if who not in self._left_out}

    def state(self, item_id: str) -> State:
        """open: needs verdicts; conflict: they disagree; done."""
        standing = self._standings[item_id]
        if standing.settled:
            return "done"
        if len(self.counted(standing)) < self.needed(item_id):
            return "open"
        return "done" if len(set(self._decisions(standing))) == 1 else "conflict"

    def decision(self, item_id: str) -> tuple[Decision, frozenset[str]] | None:
        """What becomes of the image, and which labels become unknown; None while that is open."""
        if self.state(item_id) != "done":
            return None
        standing = self._standings[item_id]
        if standing.settled:
            return decide(standing.settled, self._maskable)
        return self._decisions(standing)[0]

    def standing(self, item_id: str) -> Standing:
        """InvalidInputError when there is no such item."""
        try:
            return self._standings[item_id]
        except KeyError:
            raise InvalidInputError(f"item {item_id} is not of review {self.review.review_id}") from None

    def standings(self) -> Iterator[Standing]:
        """All of them, in the queue's order."""
        yield from self._standings.values()

    def conflicts(self) -> list[Standing]:
        """Items whose reviewers disagree."""
        return [self._standings[item_id] for item_id in self._conflicts]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to look at or to settle."""
        return not self._open and not self._conflicts

    @property
    def left(self) -> int:
        """Items that need verdicts yet."""
        return len(self._open)

    def left_for_another(self, reviewer: str) -> int:
        """Items that need verdicts yet, and have `reviewer`'s."""
        return sum(reviewer in self._standings[item_id].verdicts for item_id in self._open)

    def verdicts_of(self, reviewer: str) -> int:
        return len(self._given.get(reviewer, ()))

    def judged_by(self, reviewer: str) -> list[Standing]:
        """What `reviewer` judged, oldest first."""
        return [self._standings[item_id] for item_id in self._given.get(reviewer, ())]

    def may_see_all(self, reviewer: str) -> bool:
        """Whether nothing is left for `reviewer` to judge blind, now or when somebody's lease ends: then others'
        verdicts, and which images are controls, are no secret from them.
        """
        return self.closed or not any(reviewer not in self._standings[item_id].verdicts for item_id in self._open)

    @property
    def reviewers(self) -> list[str]:
        """Everybody who gave a verdict that stands, by name."""
        return sorted(name for name, given in self._given.items() if given)

    def is_left_out(self, reviewer: str) -> bool:
        return reviewer in self._left_out

    def score_of(self, reviewer: str) -> ReviewerScore:
        """Verdicts, controls and pace."""
        seconds, controls = [], []
        for standing in self.judged_by(reviewer):
            verdict = standing.verdicts[reviewer]
            seconds.append(verdict.seconds)
            if standing.item.control is not None:
                accepted = decide(verdict, self._maskable)[0] == "accept"
                controls.append(accepted == (standing.item.control == "real"))
        return score(reviewer, seconds, controls)

    def _weigh(self, reviewer: str) -> None:
        """Leaves out a reviewer who has become unreliable, where the review says so, and takes back one who has not."""
        if not self.review.settings.leave_out_unreliable:
            return
        out = bool(self.score_of(reviewer).concern)
        if out != (reviewer in self._left_out):
            (self._left_out.add if out else self._left_out.discard)(reviewer)
            for item_id in self._given.get(reviewer, ()):
                self._sort(item_id)

    def _sort(self, item_id: str) -> None:
        state = self.state(item_id)
        _keep(self._open, item_id, state == "open")
        _keep(self._conflicts, item_id, state == "conflict")

    def _needs(self, item_id: str, reviewer: str, now: float) -> bool:
        standing = self._standings[item_id]
        if reviewer in standing.verdicts:
            return False
        limit = now - self.review.settings.lease_seconds
        elsewhere = sum(
            1 for who, at in standing.leases.items() if who != reviewer and at > limit and who not in standing.verdicts
        )
        return len(self.counted(standing)) + elsewhere < self.needed(item_id)

    def _decisions(self, standing: Standing) -> list[tuple[Decision, frozenset[str]]]:
        return [decide(verdict, self._maskable) for verdict in self.counted(standing).values()]

    def _release(self, event: Event) -> None:
        self._standings[event.item_id].leases.pop(event.reviewer, None)
        if self._held.get(event.reviewer) == event.item_id:
            del self._held[event.reviewer]


def _keep(items: dict[str, None], item_id: str, belongs: bool) -> None:
    if belongs:
        items.setdefault(item_id)
    else:
        items.pop(item_id, None)
