"""Answers in the order of the questions, computed beside each other, and no more of them ahead than are taken."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from typing import Generic, TypeVar

from saggar.errors import UnavailableError

from saggar_classifier.turns.slots import Caller

_LOOK_S = 0.5  # between looks whether the caller is still there

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")


def in_order(
    pool_of: Callable[[QuestionT], Executor],
    answer: Callable[[QuestionT], AnswerT],
    questions: Iterable[QuestionT],
    caller: Caller,
    ahead: int,
    *,
    leaving: threading.Event | None = None,
) -> Iterator[AnswerT]:
    """`answer` of each of `questions`, by its `pool_of`; at most `ahead` are read before their answers are taken.

    An answer comes as soon as it and those before it are there, also while the next question is still to come.
    Whatever reading `questions` raises is raised here, after the answers before it. Ends when the caller is gone. Once
    `leaving` is set no more questions are taken, and UnavailableError follows the answers to those that were.
    """
    line = _Line[AnswerT](ahead, caller, leaving or threading.Event())
    here = contextvars.copy_context()  # of the call: its id, for the log, and its trace

    def read() -> None:
        try:
            for question in questions:
                if line.leaving.is_set():
                    return
                future = pool_of(question).submit(here.copy().run, answer, question)
                if not line.put(future):
                    future.cancel()
                    return
        except BaseException as error:  # noqa: BLE001 raised again where the answers are read
            line.put(error)
        else:
            line.put(None)

    threading.Thread(target=read, name="questions", daemon=True).start()
    try:
        while (following := line.take()) is not None:
            if isinstance(following, BaseException):
                raise following
            if not line.wait(following):
                return
            yield following.result()
    finally:
        line.end()


_Next = Future[AnswerT] | BaseException | None  # None: no more of them


class _Line(Generic[AnswerT]):
    """A queue that ends when the caller is gone, or nobody takes from it any more."""

    def __init__(self, room: int, caller: Caller, leaving: threading.Event) -> None:
        self.over = False
        self.leaving = leaving
        self._queue: queue.Queue[_Next[AnswerT]] = queue.Queue(room)
        self._caller = caller

    def put(self, following: _Next[AnswerT]) -> bool:
        """Waits for room; False where there is no more use for it."""
        while not self.over and self._caller.is_active():
            try:
                self._queue.put(following, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False

    def wait(self, future: Future[AnswerT]) -> bool:
        """Waits until `future` is done; False where the caller is gone before."""
        while not wait([future], _LOOK_S).done:
            if not self._caller.is_active():
                future.cancel()
                return False
        return True

    def end(self) -> None:
        """Nothing is put any more, and of what was nothing begins that has not."""
        self.over = True
        with suppress(queue.Empty):
            while True:
                left = self._queue.get_nowait()
                if isinstance(left, Future):
                    left.cancel()

    def take(self) -> _Next[AnswerT]:
        """Waits for the next one; None also where the caller is gone, UnavailableError where nothing more is taken."""
        while self._caller.is_active():
            leaving = self.leaving.is_set()  # before the look: what was put until then is found by it
            try:
                return self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                if leaving:
                    return UnavailableError("this replica stops; send what was not answered to another one")
        return None
