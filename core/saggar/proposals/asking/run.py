"""Asks the classifier about every row of a catalogue, and goes on where an earlier run was interrupted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from saggar.client import Classification, Classifier
from saggar.errors import BusyError, CancelledError, InvalidInputError, SaggarError, UnavailableError, WrongStateError
from saggar.proposals.answers import RowAnswer, answer_of
from saggar.proposals.asking.journal import Journal
from saggar.proposals.asking.photographs import Photographs
from saggar.proposals.catalogue import ObjectCatalogue

_PASSING = (BusyError, UnavailableError, CancelledError)

Progress = Callable[[int, int], object]  # rows answered, rows
Clock = Callable[[], datetime]


def ask(
    catalogue: ObjectCatalogue,
    journal: Journal,
    photographs: Photographs,
    classifier: Classifier,
    *,
    again: bool = False,
    progress: Progress | None = None,
    now: Clock = lambda: datetime.now(UTC),
) -> None:
    """Puts an answer, or what is wrong, for every row into `journal`; those that are there stay.

    `again`: rows whose error may have passed are asked again. Raises UnavailableError where the classifier stays out of
    reach and WrongStateError where it has no model or refuses us: what was answered until then is in the journal.
    """
    total = catalogue.file.count
    tell = progress or (lambda done, total: None)  # noqa: ARG005
    waiting: deque[int] = deque()  # rows that were sent, in their order
    over = threading.Event()  # the thread that sends may go on for a moment when the answers have ended

    def sent() -> Iterator[bytes]:
        for row in catalogue.rows():
            if row.place in journal and not (again and journal.get(row.place).passing):
                continue
            try:
                if row.problem:
                    raise InvalidInputError(row.problem)
                image = photographs.read(row.photograph)
            except SaggarError as error:
                if over.is_set():
                    return
                journal.put(row.place, _failed(error))
                continue
            waiting.append(row.place)
            yield image

    tell(len(journal), total)
    try:
        for answer in classifier.classify_many(sent()):
            if isinstance(answer, WrongStateError):  # of the service, not of a row
                raise answer
            journal.put(waiting.popleft(), _answered(answer, now()))
            tell(len(journal), total)
    finally:
        over.set()
    tell(total, total)


def _answered(answer: Classification | SaggarError, now: datetime) -> RowAnswer:
    if isinstance(answer, SaggarError):
        return _failed(answer)
    return answer_of(answer, now.astimezone(UTC).isoformat(timespec="seconds"))


def _failed(error: SaggarError) -> RowAnswer:
    return RowAnswer(error=str(error), passing=isinstance(error, _PASSING))
