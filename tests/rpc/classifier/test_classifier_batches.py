"""Many photographs in a call: a result or an error for each, in their order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from saggar.errors import InvalidInputError, WrongStateError
from saggar.v1.classifier_pb2 import (
    ClassifyBatchRequest,
    ClassifyRequest,
    ClassifyStreamRequest,
)
from test_classifier import BLUE, RED, TAXONOMY, Classifier, bundle, first_codes

INVALID_ARGUMENT, FAILED_PRECONDITION = 3, 9


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Any]:
    made = Classifier(tmp_path / "store")
    started = made.start(threads=2)
    made.activate(started, bundle(made.store))
    yield started
    made.stop()


def code(colour: bytes) -> str:
    return TAXONOMY.tasks[0].codes[0 if colour is RED else 1]


def test_a_batch_has_a_result_or_an_error_for_each_in_order(stub: Any) -> None:
    images = [RED, BLUE, b"no image", BLUE, RED]
    results = stub.ClassifyBatch(ClassifyBatchRequest(requests=[ClassifyRequest(image=i) for i in images])).results
    assert [result.WhichOneof("outcome") for result in results] == [
        "response",
        "response",
        "error",
        "response",
        "response",
    ]
    assert results[2].error.code == INVALID_ARGUMENT
    assert "not a JPEG, PNG, WebP or TIFF image" in results[2].error.message
    found = [first_codes(result.response)[TAXONOMY.tasks[0].name] for result in results if result.HasField("response")]
    assert found == [code(image) for image in images if image is not images[2]]
    assert len({result.response.model_id for result in results if result.HasField("response")}) == 1


@pytest.mark.parametrize("count", [0, 65])
def test_a_batch_has_1_to_64(stub: Any, count: int) -> None:
    with pytest.raises(InvalidInputError, match="1 to 64, or use ClassifyStream"):
        stub.ClassifyBatch(ClassifyBatchRequest(requests=[ClassifyRequest(image=RED)] * count))


def test_a_stream_answers_in_order_and_names_each(stub: Any) -> None:
    images = [RED if number % 3 else BLUE for number in range(60)]
    sent = (ClassifyStreamRequest(id=str(n), request=ClassifyRequest(image=i)) for n, i in enumerate(images))
    answers = list(stub.ClassifyStream(sent, timeout=120))
    assert [answer.id for answer in answers] == [str(number) for number in range(60)]
    assert [first_codes(a.result.response)[TAXONOMY.tasks[0].name] for a in answers] == [code(i) for i in images]


def test_a_stream_answers_each_before_the_next_is_sent_and_survives_a_bad_one(stub: Any) -> None:
    sent: queue.Queue[ClassifyStreamRequest | None] = queue.Queue()
    answers = stub.ClassifyStream(iter(sent.get, None), timeout=120)
    for number, image in enumerate((RED, b"", BLUE)):
        sent.put(ClassifyStreamRequest(id=str(number), request=ClassifyRequest(image=image)))
        answer = next(answers)
        assert answer.id == str(number)
        assert answer.result.HasField("error") == (image == b"")
    sent.put(ClassifyStreamRequest(id="none"))
    assert next(answers).result.error.code == INVALID_ARGUMENT
    sent.put(None)
    assert list(answers) == []


def test_a_stream_that_is_dropped_leaves_nothing_running(stub: Any) -> None:
    def endless() -> Iterator[ClassifyStreamRequest]:
        while True:
            yield ClassifyStreamRequest(id="x", request=ClassifyRequest(image=RED))

    answers = stub.ClassifyStream(endless(), timeout=120)
    next(answers)
    answers.cancel()
    deadline = threading.Event()
    for _ in range(600):
        if not any(thread.name == "questions" for thread in threading.enumerate()):
            break
        deadline.wait(0.05)
    assert not any(thread.name == "questions" for thread in threading.enumerate())


def test_without_a_model_a_batch_fails_and_a_stream_says_so_for_each(tmp_path: Path) -> None:
    made = Classifier(tmp_path / "store")
    stub = made.start()
    with pytest.raises(WrongStateError, match="no model is active"):
        stub.ClassifyBatch(ClassifyBatchRequest(requests=[ClassifyRequest(image=RED)]))
    sent = iter([ClassifyStreamRequest(id="a", request=ClassifyRequest(image=RED))])
    (answer,) = stub.ClassifyStream(sent, timeout=60)
    assert answer.result.error.code == FAILED_PRECONDITION
    made.stop()
