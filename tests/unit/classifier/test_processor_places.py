"""Pieces of work that run at once, each on a processor of its own while all are in use."""

from __future__ import annotations

import os
import threading

import pytest
from saggar_classifier.turns.places import Places

OURS = os.sched_getaffinity(0)
FEW = pytest.mark.skipif(len(OURS) < 2, reason="one processor: there is no choice")


class Piece:
    """Of work that lasts until it is told to end, in a thread of its own."""

    def __init__(self, places: Places) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self.left_on: set[int] = set()
        self._thread = threading.Thread(target=self._run, args=(places,), daemon=True)
        self._thread.start()
        assert self._begun.wait(60)

    def _run(self, places: Places) -> None:
        with places.place():
            self._begun.set()
            self._go.wait(60)
        self.left_on = os.sched_getaffinity(0)

    @property
    def on(self) -> set[int]:
        assert self._thread.native_id is not None
        return os.sched_getaffinity(self._thread.native_id)

    def end(self) -> None:
        self._go.set()
        self._thread.join(60)


@FEW
def test_each_has_one_of_its_own_once_all_are_in_use_and_none_keeps_it() -> None:
    places = Places(len(OURS))
    pieces = [Piece(places) for _ in range(len(OURS) - 1)]
    assert all(each.on == OURS for each in pieces)  # the kernel's choice
    pieces.append(Piece(places))
    assert all(len(each.on) == 1 for each in pieces)
    assert set.union(*(each.on for each in pieces)) == OURS
    freed = pieces[0].on
    pieces[0].end()
    following = Piece(places)
    assert following.on == freed
    for each in (*pieces, following):
        each.end()
        assert each.left_on == OURS


@FEW
@pytest.mark.parametrize("more", [-1, 1])
def test_other_numbers_of_pieces_than_of_processors_are_where_the_kernel_wants_them(more: int) -> None:
    places = Places(len(OURS) + more)
    pieces = [Piece(places) for _ in range(len(OURS) + more)]
    assert all(each.on == OURS for each in pieces)
    for each in pieces:
        each.end()


@FEW
def test_one_that_fails_gives_its_processor_back() -> None:
    places = Places(len(OURS))
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), places.place():
            raise ValueError("broken")
    pieces = [Piece(places) for _ in OURS]
    assert set.union(*(each.on for each in pieces)) == OURS
    for each in pieces:
        each.end()
