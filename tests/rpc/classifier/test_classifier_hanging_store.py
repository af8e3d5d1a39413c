"""A store that hangs holds up those that need it, and nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore, ObjectRef
from saggar.v1.classifier_pb2 import (
    ClassifierServiceListModelsRequest,
    ClassifyBatchRequest,
    ClassifyRequest,
    ClassifyStreamRequest,
    DescribeModelRequest,
)
from test_classifier import RED, Classifier, bundle

MANY = 64  # twice the server's threads for short calls
IN_TIME_S = 20


class HangingStore(DirectoryStore):
    """Looks at bundles, and reads, end at the `release` once it `hangs`; what watches activations goes on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hangs, self.release = threading.Event(), threading.Event()
        self.held = 0
        self._count = threading.Lock()

    def _wait(self) -> None:
        if self.hangs.is_set():
            with self._count:
                self.held += 1
            self.release.wait(120)

    def list(self, prefix: str) -> Iterator[str]:
        if prefix == "bundles/":
            self._wait()
        return super().list(prefix)

    def stat(self, key: str) -> ObjectRef:
        self._wait()
        return super().stat(key)

    def read(self, ref: ObjectRef) -> bytes:
        self._wait()
        return super().read(ref)


class Case:
    """A classifier with a model, over a store that hangs from now on, and calls that wait for it."""

    def __init__(self, made: Classifier, store: HangingStore) -> None:
        self.stub = made.start(threads=2)
        made.activate(self.stub, bundle(store))
        self.ref = ref_to_proto(store.put("uploads/red.png", RED, "image/png"))
        self.store = store
        self.waiting: list[Any] = []
        store.hangs.set()

    def send(self, call: Callable[[], Any]) -> list[Any]:
        """MANY calls at once; those that have ended while a photograph that needs no store was answered."""
        sent = [call() for _ in range(MANY)]
        self.waiting += sent
        self.answer_for_bytes()
        return [each for each in sent if each.done()]

    def answer_for_bytes(self) -> None:
        asked = ClassifyRequest(image=RED)
        assert self.stub.Classify(asked, timeout=IN_TIME_S).model_id
        batch = self.stub.ClassifyBatch(ClassifyBatchRequest(requests=[asked] * 3), timeout=IN_TIME_S)
        assert all(result.response.model_id for result in batch.results)
        stream = self.stub.ClassifyStream(iter([ClassifyStreamRequest(id="1", request=asked)]), timeout=IN_TIME_S)
        assert all(answer.result.response.model_id for answer in stream)
        assert self.stub.DescribeModel(DescribeModelRequest(), timeout=IN_TIME_S).model_id


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Classifier(tmp_path / "store")
    made.store = store = HangingStore(tmp_path / "store")
    ready = Case(made, store)
    yield ready
    store.release.set()
    for call in ready.waiting:
        call.cancel()
    made.stop()


def assert_refused(calls: list[Any]) -> None:
    assert calls
    for call in calls:
        assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, call.details()
        assert "wait for the store" in call.details()
        status = rpc_status.from_call(call)
        assert any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in status.details)


def answered(case: Case) -> list[Any]:
    """Answers of those that waited, once the store is there again. A refusal may be under way until then."""
    case.store.release.set()
    by_code: dict[grpc.StatusCode, list[Any]] = {}
    for call in case.waiting:
        by_code.setdefault(call.code(), []).append(call)
    assert_refused(by_code.pop(grpc.StatusCode.RESOURCE_EXHAUSTED))
    assert set(by_code) == {grpc.StatusCode.OK}
    return [call.result() for call in by_code[grpc.StatusCode.OK]]


def test_lists_that_wait_lock_out_no_photograph(case: Case) -> None:
    assert_refused(case.send(lambda: case.stub.ListModels.future(ClassifierServiceListModelsRequest(), timeout=60)))
    assert all(answer.models for answer in answered(case))


def test_stored_photographs_that_wait_lock_out_no_sent_one(case: Case) -> None:
    assert_refused(case.send(lambda: case.stub.Classify.future(ClassifyRequest(object=case.ref), timeout=60)))
    assert all(answer.model_id for answer in answered(case))


def test_batches_of_stored_photographs_that_wait_lock_out_no_sent_one(case: Case) -> None:
    batch = ClassifyBatchRequest(requests=[ClassifyRequest(object=case.ref)] * 4)
    assert_refused(case.send(lambda: case.stub.ClassifyBatch.future(batch, timeout=60)))
    for answer in answered(case):
        assert [result.HasField("response") for result in answer.results] == [True] * 4


def test_models_of_the_store_that_are_asked_for_lock_out_no_photograph(case: Case) -> None:
    asked = DescribeModelRequest(model_id="0" * 16)
    assert_refused(case.send(lambda: case.stub.DescribeModel.future(asked, timeout=60)))


def test_batches_whose_callers_left_hold_nothing(case: Case) -> None:
    batch = ClassifyBatchRequest(requests=[ClassifyRequest(object=case.ref)] * 4)
    for _ in range(3):
        calls = [case.stub.ClassifyBatch.future(batch, timeout=0.5) for _ in range(16)]
        assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}, "all turns are taken still"
        time.sleep(2)  # the service looks twice a second whether callers are there
    case.store.release.set()
    case.answer_for_bytes()
    assert case.store.held < 32, "photographs of callers that left are read"


def test_a_hanging_store_while_both_kinds_wait_at_once(case: Case) -> None:
    case.send(lambda: case.stub.ListModels.future(ClassifierServiceListModelsRequest(), timeout=60))
    case.send(lambda: case.stub.Classify.future(ClassifyRequest(object=case.ref), timeout=60))
    streams = [
        case.stub.ClassifyStream(
            iter([ClassifyStreamRequest(id=str(n), request=ClassifyRequest(object=case.ref)) for n in range(20)]),
            timeout=60,
        )
        for _ in range(8)
    ]
    case.waiting += streams
    case.answer_for_bytes()
    assert case.store.held
    case.store.release.set()
    for stream in streams:
        assert [answer.result.HasField("response") for answer in stream] == [True] * 20
