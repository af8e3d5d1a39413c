"""Callers of one session whose photographs run together, with a session that is made up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from saggar.errors import BusyError
from saggar_classifier.networks.batch_rule import BatchRule
from saggar_classifier.networks.batching import BatchingSession, due_in


class Session:
    """Doubles what it gets, once `go` is set; keeps the sizes of its runs."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.broken = False

    def run(self, names: list[str], inputs: dict[str, Any], options: Any) -> list[Any]:
        self.sizes.append(len(inputs["images"]))
        self.begun.release()
        assert self.go.wait(20)
        if self.broken:
            raise RuntimeError("the GPU is gone")
        return [2 * inputs["images"] for _ in names]


def photograph(value: float, count: int = 1) -> dict[str, Any]:
    return {"images": np.full((count, 3, 2, 2), value, np.float32)}


def until_waiting(session: BatchingSession, count: int) -> None:
    with session._changed:
        assert session._changed.wait_for(lambda: len(session._line) >= count, 20)


def test_those_that_come_during_a_run_go_together_and_get_their_own() -> None:
    inner = Session()
    session = BatchingSession(inner)
    with ThreadPoolExecutor(6) as callers:
        first = callers.submit(session.run, ["y"], photograph(0))
        assert inner.begun.acquire(timeout=20)
        others = []
        for value in range(1, 6):
            others.append(callers.submit(session.run, ["y", "z"], photograph(value, value)))
            until_waiting(session, value)
        inner.go.set()
        assert first.result(20)[0].max() == 0
        for value, future in enumerate(others, 1):
            found = future.result(20)
            assert [values.shape for values in found] == [(value, 3, 2, 2)] * 2
            assert (found[0] == 2 * value).all()
    assert inner.sizes == [1, 16]  # fifteen, padded


def test_no_run_is_larger_than_it_may_be() -> None:
    inner = Session()
    session = BatchingSession(inner, largest=4)
    with ThreadPoolExecutor(8) as callers:
        futures = [callers.submit(session.run, ["y"], photograph(0))]
        assert inner.begun.acquire(timeout=20)
        for count in range(1, 7):
            futures.append(callers.submit(session.run, ["y"], photograph(count)))
            until_waiting(session, count)
        inner.go.set()
        assert [future.result(20)[0].max() for future in futures] == [0, 2, 4, 6, 8, 10, 12]
    assert inner.sizes == [1, 4, 2]
    assert session.run(["y"], photograph(1, 9))[0].shape[0] == 9  # more than a run holds: alone


def test_an_error_reaches_everybody_and_the_next_run_works() -> None:
    inner = Session()
    session = BatchingSession(inner)
    with ThreadPoolExecutor(3) as callers:
        futures = [callers.submit(session.run, ["y"], photograph(0))]
        assert inner.begun.acquire(timeout=20)
        for count in (1, 2):
            futures.append(callers.submit(session.run, ["y"], photograph(1)))
            until_waiting(session, count)
        inner.broken = True
        inner.go.set()
        for future in futures:
            with pytest.raises(RuntimeError, match="the GPU is gone"):
                future.result(20)
    inner.broken = False
    assert session.run(["y"], photograph(3))[0].max() == 6


def test_who_would_be_answered_too_late_is_refused_before_the_work() -> None:
    inner = Session()
    inner.go.set()
    rule = BatchRule(8)
    rule.times.note(1, 5.0)
    session = BatchingSession(inner, rule=rule)
    with due_in(1.0), pytest.raises(BusyError, match="after the caller's deadline"):
        session.run(["y"], photograph(1))
    assert inner.sizes == []
    assert session.run(["y"], photograph(1))[0].max() == 2  # whoever has the time is answered


def test_many_callers_lose_nothing() -> None:
    inner = Session()
    inner.go.set()
    session = BatchingSession(inner, largest=8)
    with ThreadPoolExecutor(12) as callers:
        found = list(callers.map(lambda value: session.run(["y"], photograph(value))[0].max(), range(500)))
    assert found == [2 * value for value in range(500)]
    assert sum(inner.sizes) >= 500
