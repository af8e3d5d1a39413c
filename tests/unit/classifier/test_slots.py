"""Bounded work: who waits, who is refused at once, and who costs nothing."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import pytest
from saggar.errors import BusyError, CancelledError
from saggar_classifier.turns.slots import WorkSlots


@dataclass
class Caller:
    left_s: float | None = None
    active: bool = True

    def is_active(self) -> bool:
        return self.active

    def time_remaining(self) -> float | None:
        return self.left_s


class Holder:
    """Holds a slot until it is told to go."""

    def __init__(self, slots: WorkSlots, caller: Caller | None = None, *, large: bool = False) -> None:
        self.large = large
        self.inside, self.go, self.refused = threading.Event(), threading.Event(), ""
        self.thread = threading.Thread(target=self.run, args=(slots, caller or Caller()), daemon=True)
        self.thread.start()

    def run(self, slots: WorkSlots, caller: Caller) -> None:
        with suppress(CancelledError), slots.slot(caller, large=self.large):
            self.inside.set()
            self.go.wait(60)

    def end(self) -> None:
        self.go.set()
        self.thread.join(60)


def until(slots: WorkSlots, waiting: int) -> None:
    deadline = time.monotonic() + 60
    while slots.waiting != waiting:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_as_many_at_once_as_there_are_slots_first_come_first_served() -> None:
    slots = WorkSlots(2)
    first, second = Holder(slots), Holder(slots)
    assert first.inside.wait(60)
    assert second.inside.wait(60)
    third = Holder(slots)
    until(slots, 1)
    fourth = Holder(slots)
    until(slots, 2)
    first.end()
    assert third.inside.wait(60)
    assert not fourth.inside.is_set()
    for holder in (second, third, fourth):
        holder.end()
    assert slots.waiting == 0


def test_an_answer_that_would_come_too_late_is_refused_at_once() -> None:
    slots = WorkSlots(1)
    slow = Holder(slots)
    assert slow.inside.wait(60)
    time.sleep(0.5)
    slow.end()  # a photograph takes .02 + .1 * .5 s now
    busy = Holder(slots)
    assert busy.inside.wait(60)
    with pytest.raises(BusyError, match="the answer would be too late") as caught, slots.slot(Caller(left_s=0.05)):
        pytest.fail("no slot was free")
    assert caught.value.retry_after_s >= 0.1
    patient = Holder(slots, Caller(left_s=30))
    until(slots, 1)
    busy.end()
    assert patient.inside.wait(60)
    patient.end()


def test_no_more_wait_than_can_be_answered_in_half_a_minute() -> None:
    slots = WorkSlots(1)
    slots._seconds[False] = 11.0
    holders = [Holder(slots)]
    assert holders[0].inside.wait(60)
    holders.append(Holder(slots))
    until(slots, 1)
    with pytest.raises(BusyError), slots.slot(Caller()):
        pytest.fail("no slot was free")
    for holder in holders:
        holder.end()


def test_a_caller_who_went_while_it_waited_costs_no_work() -> None:
    slots = WorkSlots(1)
    first = Holder(slots)
    assert first.inside.wait(60)
    gone = Caller()
    waiting = Holder(slots, gone)
    until(slots, 1)
    gone.active = False
    first.end()
    waiting.thread.join(60)
    assert not waiting.inside.is_set()
    with slots.slot(Caller()):
        pass


def test_an_error_frees_the_slot() -> None:
    slots = WorkSlots(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.slot(Caller()):
            raise ZeroDivisionError
    with slots.slot(Caller()):
        pass


def test_small_photographs_go_first_and_large_ones_are_not_forgotten() -> None:
    slots = WorkSlots(1)
    first = Holder(slots)
    assert first.inside.wait(60)
    holders = []
    for number, large in enumerate([True, True, *[False] * 6]):
        holders.append(Holder(slots, large=large))
        until(slots, number + 1)
    order = []
    current = first
    for _ in holders:
        current.end()
        while True:
            current = next((each for each in holders if each.inside.is_set() and each not in order), None)  # type: ignore[assignment]
            if current is not None:
                break
            time.sleep(0.001)
        order.append(current)
    current.end()
    assert [each.large for each in order] == [False] * 4 + [True] + [False] * 2 + [True]
    assert [each for each in order if not each.large] == holders[2:]
