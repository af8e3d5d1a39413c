"""Answers in the order of the questions, and no more questions read than answers are taken."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from saggar.errors import UnavailableError
from saggar_classifier.turns.in_order import in_order
from test_slots import Caller


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_answers_keep_the_order_though_later_ones_are_ready_first(pool: ThreadPoolExecutor) -> None:
    def answer(number: int) -> int:
        time.sleep(0.02 if number % 4 == 0 else 0)
        return number * number

    assert list(in_order(lambda _: pool, answer, range(40), Caller(), ahead=8)) == [n * n for n in range(40)]


def test_an_answer_comes_before_the_next_question_is_asked(pool: ThreadPoolExecutor) -> None:
    asked: queue.Queue[int | None] = queue.Queue()
    answers = in_order(lambda _: pool, lambda n: -n, iter(asked.get, None), Caller(), ahead=8)
    for number in range(5):
        asked.put(number)
        assert next(answers) == -number
    asked.put(None)
    assert list(answers) == []


def test_no_more_questions_are_read_than_answers_are_taken(pool: ThreadPoolExecutor) -> None:
    read: list[int] = []

    def questions() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    answers = in_order(lambda _: pool, lambda n: n, questions(), Caller(), ahead=3)
    next(answers)
    time.sleep(0.3)
    assert len(read) <= 1 + 3 + 2
    answers.close()  # type: ignore[attr-defined]


def test_what_reading_raises_comes_after_the_answers_before_it(pool: ThreadPoolExecutor) -> None:
    def questions() -> Iterator[int]:
        yield 1
        raise ValueError("broken line")

    answers = in_order(lambda _: pool, lambda n: n, questions(), Caller(), ahead=3)
    assert next(answers) == 1
    with pytest.raises(ValueError, match="broken line"):
        next(answers)


def test_it_ends_when_the_caller_is_gone_and_leaves_no_thread(pool: ThreadPoolExecutor) -> None:
    caller = Caller()
    endless: Any = iter(int, 1)
    answers = in_order(lambda _: pool, lambda n: n, endless, caller, ahead=3)
    next(answers)
    caller.active = False
    assert list(answers) == []
    deadline = time.monotonic() + 30
    while any(thread.name == "questions" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_replica_that_leaves_answers_what_it_has_taken_and_takes_no_more(
    pool: ThreadPoolExecutor,
) -> None:
    leaving, taken = threading.Event(), list[int]()

    def questions() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    answers = in_order(lambda _: pool, lambda number: number, questions(), Caller(), 4, leaving=leaving)
    found = [next(answers) for _ in range(10)]
    leaving.set()
    rest: list[int] = []
    with pytest.raises(UnavailableError, match="this replica stops"):
        rest.extend(answers)
    found += rest  # what came before the error counts
    assert found == list(range(len(found)))
    assert len(found) >= len(taken) - 1  # the one that was being read is not answered, and can be sent elsewhere
