"""Asks the classifier about every row of a catalogue, and goes on where an earlier run was interrupted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from saggar.client import Classifier, Question
from saggar.errors import (
    BusyError,
    CancelledError,
    InvalidInputError,
    NotFoundError,
    SaggarError,
    UnavailableError,
    WrongStateError,
)
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
    question: Question,
    *,
    again: bool = False,
    progress: Progress | None = None,
    now: Clock = lambda: datetime.now(UTC),
) -> None:
    """Puts an answer, or what is wrong, for every row into `journal`; those that are there stay.

    `again`: rows with an error are asked again. Raises UnavailableError where the classifier stays out of reach,
    WrongStateError where it has no model or refuses us, and what reading the catalogue and writing the journal raise:
    what was answered until then is in the journal.
    """
    total = catalogue.file.count
    tell = progress or (lambda done, total: None)  # noqa: ARG005
    snapshots = _Snapshots(classifier)
    outgoing = _Outgoing(catalogue, journal, photographs, again=again)
    tell(len(journal), total)
    try:
        for answer in classifier.classify_many(outgoing, question):
            if isinstance(answer, WrongStateError):  # of the service, not of a row
                raise answer
            if isinstance(answer, SaggarError):
                said = _failed(answer)
            else:
                moment = now().astimezone(UTC).isoformat(timespec="seconds")
                said = answer_of(answer, moment, snapshots.of(answer.model_id))
            journal.put(outgoing.waiting.popleft(), said)
            tell(len(journal), total)
    finally:
        outgoing.over.set()
    if outgoing.broken is not None:
        raise outgoing.broken
    tell(total, total)


class _Outgoing:
    """The photographs to send, read by the thread that sends them; `waiting` are their rows, in the same order.

    What cannot be read goes into the journal at once. `broken` is what ended them before their time.
    """

    def __init__(self, catalogue: ObjectCatalogue, journal: Journal, photographs: Photographs, *, again: bool) -> None:
        self.waiting: deque[int] = deque()
        self.broken: Exception | None = None  # raised in that thread, it would be taken for a stream that broke
        self.over = threading.Event()  # the thread that sends may go on for a moment when the answers have ended
        self._catalogue, self._journal, self._photographs, self._again = catalogue, journal, photographs, again

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._photographs_to_send()
        except Exception as error:  # noqa: BLE001 `ask` raises it
            self.broken = error

    def _photographs_to_send(self) -> Iterator[bytes]:
        for row in self._catalogue.rows():
            if row.place in self._journal and not (self._again and self._journal.get(row.place).error):
                continue
            try:
                if row.problem:
                    raise InvalidInputError(row.problem)
                image = self._photographs.read(row.photograph)
            except SaggarError as error:
                if self.over.is_set():
                    return
                self._journal.put(row.place, _failed(error))
                continue
            self.waiting.append(row.place)
            yield image


class _Snapshots:
    """The hash of the data set that each model was trained with; empty where nobody knows it."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._known: dict[str, str] = {}

    def of(self, model_id: str) -> str:
        if model_id not in self._known:
            self._known[model_id] = self._asked(model_id)
        return self._known[model_id]

    def _asked(self, model_id: str) -> str:
        try:
            return str(self._classifier.describe(model_id).training.get("manifest", ""))
        except NotFoundError:  # it was removed meanwhile
            return ""


def _failed(error: SaggarError) -> RowAnswer:
    return RowAnswer(error=str(error), passing=isinstance(error, _PASSING))
