"""The client for catalogue systems, against a real classifier: it waits, tries again, streams, and stays light."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from saggar.client import AsyncClassifier, Classification, Question
from saggar.client import Classifier as Client
from saggar.errors import BusyError, InvalidInputError, NotFoundError, SaggarError, UnavailableError, WrongStateError
from saggar.progress import Progress
from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar.v1 import classifier_pb2, classifier_pb2_grpc
from test_classifier import BLUE, RED, TAXONOMY, Classifier, bundle

TASK = TAXONOMY.tasks[0]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    made = Classifier(tmp_path / "store")
    made.activate(made.start(threads=2), bundle(made.store))
    yield made.address(0)
    made.stop()


def code(found: Classification | SaggarError) -> str:
    assert isinstance(found, Classification), found
    return found.best(TASK.name).code


def test_one_photograph_by_bytes_or_by_path(address: str, tmp_path: Path) -> None:
    (tmp_path / "bowl.png").write_bytes(RED)
    with Client(address) as client:
        by_bytes, by_path = client.classify(RED, Question(1)), client.classify(tmp_path / "bowl.png", Question(1))
        assert by_bytes == by_path == client.classify(str(tmp_path / "bowl.png"), Question(1))
        assert code(by_bytes) == TASK.codes[0]
        assert str(by_bytes.best(TASK.name)).startswith("Song ")
        assert client.describe().codes[TASK.name] == TASK.codes
        with pytest.raises(NotFoundError, match="the model has no task 'colour'; it has dynasty"):
            by_bytes.best("colour")
        with pytest.raises(NotFoundError, match="no such file"):
            client.classify(tmp_path / "none.png")
        with pytest.raises(InvalidInputError, match="not a JPEG"):
            client.classify(b"no picture")


def test_many_come_in_order_with_errors_in_their_places(address: str, tmp_path: Path) -> None:
    (tmp_path / "blue.png").write_bytes(BLUE)
    images = [tmp_path / "none.jpg", RED, tmp_path / "blue.png", b"no picture", tmp_path, RED, tmp_path / "gone.jpg"]
    seen: list[Progress] = []
    with Client(address) as client:
        found = list(client.classify_many(images, report=seen.append))
    assert [type(each).__name__ for each in found] == [
        "NotFoundError",
        "Classification",
        "Classification",
        "InvalidInputError",
        "InvalidInputError",
        "Classification",
        "NotFoundError",
    ]
    assert [code(found[i]) for i in (1, 2, 5)] == [TASK.codes[0], TASK.codes[1], TASK.codes[0]]
    assert seen[-1] == Progress("classifying", 7, 7, "photographs")


def test_no_more_are_read_than_are_answered(address: str) -> None:
    read = 0

    def images() -> Iterator[bytes]:
        nonlocal read
        while True:  # there may be any number: nothing waits for the last one
            read += 1
            yield RED

    with Client(address) as client:
        for answered, found in enumerate(client.classify_many(images()), start=1):
            assert isinstance(found, Classification)
            assert read - answered <= 64
            if answered == 300:
                break


def test_none_is_none(address: str) -> None:
    with Client(address) as client:
        assert list(client.classify_many([])) == []


class Flaky(classifier_pb2_grpc.ClassifierServiceServicer):
    """Breaks each stream after `after` answers, and is busy for the first `busy` calls."""

    def __init__(self, after: int, busy: int = 0) -> None:
        self.after, self.busy, self.streams, self.seen = after, busy, 0, list[str]()

    def Classify(self, request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        if self.busy:
            self.busy -= 1
            raise BusyError("too many", 0.05)
        return classifier_pb2.ClassifyResponse(model_id=request.image.decode())

    def ClassifyStream(self, requests: Any, _context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        self.streams += 1
        for count, each in enumerate(requests):
            if count == self.after:
                raise UnavailableError("going down")
            self.seen.append(each.id)
            response = classifier_pb2.ClassifyResponse(model_id=each.request.image.decode())
            yield classifier_pb2.ClassifyStreamResponse(
                id=each.id, result=classifier_pb2.ClassifyResult(response=response)
            )

    def register(self, server: grpc.Server) -> list[str]:
        classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(self, server)
        return ["saggar.v1.ClassifierService"]


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saggar.client.classifier._FIRST_WAIT_S", 0.01)


@pytest.mark.usefixtures("short_waits")
def test_a_stream_that_breaks_goes_on_with_what_was_not_answered() -> None:
    flaky = Flaky(after=7)
    server = start_server(flaky.register, ServiceSettings())
    names = [f"photograph {number}" for number in range(50)]
    with Client(server.address) as client:
        found = list(client.classify_many(name.encode() for name in names))
    server.stop()
    assert [each.model_id for each in found if isinstance(each, Classification)] == names
    assert flaky.streams >= 8
    assert flaky.seen == [str(number) for number in range(50)]


@pytest.mark.usefixtures("short_waits")
def test_a_service_that_stays_away_is_given_up() -> None:
    flaky = Flaky(after=0)
    server = start_server(flaky.register, ServiceSettings())
    with Client(server.address, attempts=3) as client, pytest.raises(UnavailableError, match="going down"):
        list(client.classify_many([RED]))
    server.stop()
    assert flaky.streams >= 3


def test_a_busy_service_is_waited_for_as_long_as_there_is_time() -> None:
    flaky = Flaky(after=9, busy=3)
    server = start_server(flaky.register, ServiceSettings())
    with Client(server.address) as client:
        assert client.classify(b"x").model_id == "x"
        flaky.busy = 10**6
        started = time.monotonic()
        with Client(server.address, timeout_s=0.3) as hurried, pytest.raises((BusyError, UnavailableError)):
            hurried.classify(b"x")
        assert time.monotonic() - started < 30
    server.stop()


def test_without_a_model_the_error_says_so(tmp_path: Path) -> None:
    made = Classifier(tmp_path / "store")
    made.start()
    with Client(made.address(0)) as client:
        with pytest.raises(WrongStateError, match="no model is active"):
            client.classify(RED)
        (only,) = client.classify_many([RED])
        assert isinstance(only, WrongStateError)
    made.stop()


def test_the_asynchronous_client_never_holds_up_the_event_loop(address: str) -> None:
    async def main() -> tuple[list[Any], list[Any], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        async with AsyncClassifier(address) as client:
            together = await asyncio.gather(*(client.classify(image) for image in [RED, BLUE] * 10))
            many = [answer async for answer in client.classify_many([RED, b"no picture", BLUE])]
        ticking.cancel()
        return list(together), many, ticks

    together, many, ticks = asyncio.run(main())
    assert [code(each) for each in together] == [TASK.codes[0], TASK.codes[1]] * 10
    assert [type(each).__name__ for each in many] == ["Classification", "InvalidInputError", "Classification"]
    assert ticks > 5


def test_the_client_is_light() -> None:
    heavy = "torch pandas pyarrow onnxruntime scipy PIL minio saggar_classifier"
    probe = f"import sys, saggar.client; print([m for m in '{heavy}'.split() if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_many_threads_may_share_a_client(address: str) -> None:
    found: list[str] = []
    with Client(address) as client:
        threads = [
            threading.Thread(target=lambda image=image: found.append(code(client.classify(image))))
            for image in [RED, BLUE] * 8
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == sorted([TASK.codes[0], TASK.codes[1]] * 8)


CLOSED = """
import asyncio, sys, threading, time
from saggar.client import AsyncClassifier, Classifier
from saggar.errors import WrongStateError

address, image = sys.argv[1], open(sys.argv[2], "rb").read()

def refused(call):
    try:
        call()
    except WrongStateError as error:
        assert "this client is closed" in str(error), error
        print("refused")

client = Classifier(address)
client.classify(image)
client.close()
client.close()
several = lambda: next(client.classify_many([image]))
for call in (lambda: client.classify(image), client.describe, client.models, several):
    refused(call)
with Classifier(address) as client:
    answers = client.classify_many([image] * 3)
refused(lambda: list(answers))
client = Classifier(address)
answers = client.classify_many(iter([image] * 500))
next(answers)
client.close()
refused(lambda: list(answers))

async def main():
    client = AsyncClassifier(address)
    await client.classify(image)
    await client.close()
    return await client.classify(image)

refused(lambda: asyncio.run(main()))
for _ in range(20):
    client = Classifier(address)
    ask = lambda: [client.classify(image) for _ in range(10**6)]
    threads = [threading.Thread(target=refused, args=(ask,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    client.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
"""


def test_a_closed_client_says_so(address: str, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(RED)
    probe = [sys.executable, "-c", CLOSED, address, tmp_path / "red.png"]
    ended = subprocess.run(probe, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.count("refused")) == (0, 87), ended.stderr[-2000:]


@pytest.mark.usefixtures("short_waits")
def test_a_client_that_is_closed_while_it_tries_again_says_so() -> None:
    client = Client("127.0.0.1:1", attempts=10**6)
    threading.Timer(0.3, client.close).start()
    with pytest.raises(WrongStateError, match="this client is closed"):
        client.classify(RED)


def test_answers_do_not_wait_for_the_next_photograph(address: str) -> None:
    answered = threading.Event()

    def camera() -> Iterator[bytes]:
        yield RED
        assert answered.wait(20), "the first answer waits for the second photograph"
        yield BLUE

    found = []
    with Client(address) as client:
        for each in client.classify_many(camera()):
            found.append(code(each))
            answered.set()
    assert found == [TASK.codes[0], TASK.codes[1]]


def test_who_leaves_does_not_wait_for_the_next_photograph(address: str) -> None:
    left = threading.Event()

    def camera() -> Iterator[bytes]:
        yield RED
        left.wait(20)
        yield BLUE

    with Client(address) as client:
        answers = client.classify_many(camera())
        next(answers)
        begun = time.monotonic()
        answers.close()
        assert time.monotonic() - begun < 10
    left.set()


@pytest.mark.parametrize("error", [OSError("the camera is gone"), InvalidInputError("no more film"), KeyError("x")])
def test_what_the_source_raises_comes_after_the_answers(address: str, error: Exception) -> None:
    def camera() -> Iterator[bytes]:
        yield RED
        yield BLUE
        raise error

    found: list[Classification | SaggarError] = []
    with Client(address) as client, pytest.raises(type(error)) as raised:
        found.extend(client.classify_many(camera()))
    assert raised.value is error
    assert [code(each) for each in found] == [TASK.codes[0], TASK.codes[1]]


def test_what_is_no_photograph_has_its_error_in_its_place(address: str, tmp_path: Path) -> None:
    large = b"\xff\xd8\xff" + bytes(21 << 20)
    (tmp_path / "large.jpg").write_bytes(large)
    (tmp_path / "vast.tif").touch()
    os.truncate(tmp_path / "vast.tif", 5 << 30)
    odd: list[Any] = [large, tmp_path / "large.jpg", tmp_path / "vast.tif", None, 7, "a\0b", ""]
    images = [RED, *odd, bytearray(BLUE), memoryview(RED)]
    with Client(address) as client:
        found = list(client.classify_many(images))
        with pytest.raises(InvalidInputError, match=r"the image has 21\.0 MiB; at most 16 MiB"):
            client.classify(large)
    assert [code(found[i]) for i in (0, -2, -1)] == [TASK.codes[0], TASK.codes[1], TASK.codes[0]]
    told = [str(each) for each in found[1:-2]]
    assert all(isinstance(each, InvalidInputError | NotFoundError) for each in found[1:-2])
    assert told[0] == "the image has 21.0 MiB; at most 16 MiB are taken: reduce it first"
    assert told[1].startswith(f"{tmp_path / 'large.jpg'} has 21.0 MiB")
    assert told[2].startswith(f"{tmp_path / 'vast.tif'} has 5120.0 MiB")
    assert told[3:5] == [f"a photograph is bytes or the path of a file, no {kind}" for kind in ("NoneType", "int")]
