"""Answers in the order of the questions, computed beside each other, and no more of them ahead than are taken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from saggar_classifier.serving.slots import Caller

_LOOK_S = 0.5  # between looks whether the caller is still there

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")


def in_order(
    pool: Executor,
    answer: Callable[[QuestionT], AnswerT],
    questions: Iterable[QuestionT],
    caller: Caller,
    ahead: int,
) -> Iterator[AnswerT]:
    """`answer` of each of `questions`, computed by `pool`; at most `ahead` are read before their answers are taken.

    An answer comes as soon as it and those before it are there, also while the next question is still to come.
    Whatever reading `questions` raises is raised here, after the answers before it. Ends when the caller is gone.
    """
    line = _Line[AnswerT](ahead, caller)

    def read() -> None:
        try:
            for question in questions:
                if not line.put(pool.submit(answer, question)):
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
            yield following.result()
    finally:
        line.over = True


_Next = Future[AnswerT] | BaseException | None  # None: no more of them


class _Line(Generic[AnswerT]):
    """A queue that ends when the caller is gone, or nobody takes from it any more."""

    def __init__(self, room: int, caller: Caller) -> None:
        self.over = False
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

    def take(self) -> _Next[AnswerT]:
        """Waits for the next one; None also where the caller is gone."""
        while self._caller.is_active():
            try:
                return self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
        return None
