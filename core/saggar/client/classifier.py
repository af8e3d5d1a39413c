"""A client of the classifier that waits, tries again and streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, Self

from saggar.client.answers import Classification, Question, classification_from_message, classify_request
from saggar.client.line import Image, Line, read_image
from saggar.client.models import Description, Model, description_from_message, model_from_message
from saggar.errors import BusyError, CancelledError, SaggarError, UnavailableError, WrongStateError
from saggar.progress import Progress, Report
from saggar.rpc.channel import ClientTls, open_channel
from saggar.rpc.errors import error_of
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_ASKED = Question()


class Classifier:
    """The classifier at `target`: host:port, or `dns:///name:port` for all its replicas. Safe to use from many threads.

    `timeout_s` is how long one photograph may take, with all that is tried again; `attempts` how often it is tried
    where the service cannot be reached, and how often a stream may break without an answer in between.
    """

    def __init__(
        self,
        target: str,
        *,
        api_key: str = "",
        tls: ClientTls | None = None,
        timeout_s: float = 30.0,
        attempts: int = 5,
    ) -> None:
        self._channel = open_channel(target, tls=tls, api_key=api_key, attempts=1)  # tried again here
        make: Any = classifier_pb2_grpc.ClassifierServiceStub
        self._stub = make(self._channel)
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._closed = False
        self._asking = (
            0  # calls; the channel is closed after them: one that begins later ends the process (grpcio 1.85)
        )
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Single photographs that were asked for are still answered; whoever asks for more gets WrongStateError."""
        with self._lock:
            self._closed = True
            if not self._asking:
                self._channel.close()

    def describe(self, model_id: str = "") -> Description:
        """A model of the store; without `model_id` the one that is served."""
        request = classifier_pb2.DescribeModelRequest(model_id=model_id)
        return description_from_message(self._asked(self._stub.DescribeModel, request))

    def models(self) -> list[Model]:
        """The models of the store, the served one first."""
        found = self._asked(self._stub.ListModels, classifier_pb2.ClassifierServiceListModelsRequest())
        return [model_from_message(each) for each in found.models]

    def classify(self, image: Image, question: Question = _ASKED) -> Classification:
        """What a photograph shows: its bytes, or the path of its file.

        Waits where the service is busy, and tries again where a replica leaves, or cannot be reached.
        """
        request = classify_request(read_image(image), question)
        return classification_from_message(self._asked(self._stub.Classify, request))

    def check_open(self) -> None:
        """WrongStateError for one that was closed."""
        if self._closed:
            raise WrongStateError("this client is closed: make another, or take all answers before it is closed")

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Around a call: the channel is open as long."""
        with self._lock:
            self.check_open()
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1
                if self._closed and not self._asking:
                    self._channel.close()

    def _asked(self, method: Any, request: Any) -> Any:
        deadline, failures = time.monotonic() + self._timeout_s, 0
        while True:
            try:
                with self._open():
                    return method(request, timeout=max(0.001, deadline - time.monotonic()))
            except (BusyError, UnavailableError) as error:
                failures += not isinstance(error, BusyError)
                wait_s = _wait_s(error, failures)
                if failures >= self._attempts or time.monotonic() + wait_s >= deadline:
                    raise
                time.sleep(wait_s)

    def classify_many(
        self, images: Iterable[Image], question: Question = _ASKED, report: Report | None = None
    ) -> Iterator[Classification | SaggarError]:
        """What many photographs show, in their order; in place of one that cannot be classified, its error.

        They are read and sent as fast as they are answered, so there may be any number. A stream that breaks begins
        again with those that were not answered. Raises UnavailableError where the service stays out of reach, and
        what `images` raises, after the answers of those before. `report` hears of each answer.
        """
        total = len(images) if isinstance(images, Sized) else 0
        for done, answer in enumerate(self._answers(Line(images), question), start=1):
            if report is not None:
                report(Progress("classifying", done, total, "photographs"))
            yield answer

    def _answers(self, line: Line, question: Question) -> Iterator[Classification | SaggarError]:
        failures = 0
        while True:
            with self._open():
                call = self._stub.ClassifyStream(_requests(line, line.begin(), question))
            try:
                for message in call:
                    failures = 0
                    number = int(message.id)
                    yield from line.unreadable_before(number)
                    yield self._answer(message.result, line.answered(number), question)
                line.check_all_answered()
            except (UnavailableError, BusyError, CancelledError) as error:
                failures += 1
                if failures >= self._attempts:
                    raise
                time.sleep(_wait_s(error, failures))
            else:
                yield from line.unreadable_before(None)
                line.check_source()
                return
            finally:
                line.begin()  # whoever still reads for the stream that is over stops
                call.cancel()

    def _answer(
        self, result: classifier_pb2.ClassifyResult, image: bytes, question: Question
    ) -> Classification | SaggarError:
        if result.HasField("response"):
            return classification_from_message(result.response)
        error = error_of(result.error.code, result.error.message, result.error.retry_after_seconds)
        if not isinstance(error, BusyError):
            return error
        time.sleep(error.retry_after_s)
        try:
            return self.classify(image, question)
        except SaggarError as again:
            return again


def _requests(line: Line, stream: int, question: Question) -> Iterator[classifier_pb2.ClassifyStreamRequest]:
    number = -1
    while (following := line.after(number, stream)) is not None:
        number, image = following
        yield classifier_pb2.ClassifyStreamRequest(id=str(number), request=classify_request(image, question))


def _wait_s(error: SaggarError, failures: int) -> float:
    if isinstance(error, BusyError):
        return error.retry_after_s
    return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * float(2 ** (failures - 1)))
