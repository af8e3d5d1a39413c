"""What whoever runs the classifier sees: metrics, drift, request ids; and how it leaves."""

from __future__ import annotations

import json
import logging
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from classifier_process import ClassifierProcess
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from saggar.client import Classifier as Client
from saggar.errors import InvalidInputError, SaggarError, WrongStateError
from saggar.rpc.logs import configure_logs
from saggar.store import DirectoryStore
from saggar.v1 import classifier_pb2, classifier_pb2_grpc
from saggar_classifier.operations.tracing import Traces
from test_classifier import BLUE, RED, Classifier, bundle, classify
from test_classifier_answers import PREVALENCE, certain_bundle
from test_classifier_models import until


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[Classifier]:
    made = Classifier(tmp_path / "store")
    made.start(threads=2, metrics_listen="127.0.0.1:0")
    yield made
    made.stop()


class Scrape:
    """What Prometheus would read of the first classifier."""

    def __init__(self, classifier: Classifier) -> None:
        port = classifier.servicer(0).metrics_port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            self.text = answer.read().decode()

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample with these labels."""
        found = [
            float(line.rpartition(" ")[2])
            for line in self.text.splitlines()
            if re.match(rf"{name}(\{{|\s)", line) and all(f'{key}="{text}"' in line for key, text in labels.items())
        ]
        assert len(found) == 1, (name, labels, self.text)
        return found[0]


def test_metrics_say_what_is_served_and_how_it_goes(classifier: Classifier) -> None:
    stub = classifier.stub(0)
    assert Scrape(classifier).value("saggar_ready") == 0
    model_id = classifier.activate(stub, certain_bundle(classifier.store))
    for image in (RED, RED, RED, BLUE):  # blue is unlike the training photographs, so there is no answer for it
        classify(stub, image)
    with pytest.raises(InvalidInputError):
        classify(stub, b"no picture")
    method = "/saggar.v1.ClassifierService/Classify"
    until(lambda: f'code="INVALID_ARGUMENT",method="{method}"' in Scrape(classifier).text)  # counted when it has ended
    seen = Scrape(classifier)
    assert seen.value("saggar_call_seconds_count", method=method, code="OK") == 4
    assert seen.value("saggar_call_seconds_count", method=method, code="INVALID_ARGUMENT") == 1
    assert [seen.value("saggar_stage_seconds_count", stage=s) for s in ("queue", "decode", "network", "answer")] == [
        4
    ] * 4
    assert seen.value("saggar_photographs_total", model=model_id) == 4
    assert seen.value("saggar_photographs_failed_total", reason="bad_input") == 1
    assert seen.value("saggar_photographs_failed_total", reason="queue_full") == 0
    assert seen.value("saggar_model_info", model=model_id, provider="CPUExecutionProvider", precision="float32") == 1
    assert (seen.value("saggar_ready"), seen.value("saggar_threads"), seen.value("saggar_queue_waiting")) == (1, 2, 0)


def test_drift_is_seen_against_the_training(classifier: Classifier) -> None:
    stub = classifier.stub(0)
    classifier.activate(stub, certain_bundle(classifier.store))
    with Client(classifier.address(0)) as client:
        list(client.classify_many([RED, RED, RED, BLUE]))
    seen = Scrape(classifier)
    assert seen.value("saggar_latest_answers") == 4
    assert seen.value("saggar_latest_not_porcelain_share") == 0.25
    assert seen.value("saggar_latest_abstained_share", task="dynasty") == 0.25
    assert seen.value("saggar_latest_class_share", task="dynasty", **{"class": "Song"}) == 0.75
    total = PREVALENCE["dynasty"]
    assert seen.value("saggar_training_class_share", task="dynasty", **{"class": "Yuan"}) == total[1]
    expected = (abs(0.75 - total[0]) + abs(0.25 - total[1])) / 2
    assert seen.value("saggar_latest_class_distance", task="dynasty") == pytest.approx(expected)


def test_a_port_of_metrics_that_is_taken_is_named(classifier: Classifier) -> None:
    taken = f"127.0.0.1:{classifier.servicer(0).metrics_port}"
    with pytest.raises(WrongStateError, match=f"cannot listen on {taken} for metrics"):
        classifier.start(metrics_listen=taken)


def request_id(call: Any) -> str:
    return next(value for name, value in call.trailing_metadata() if name == "x-request-id")


def test_every_call_has_an_id_that_comes_back_and_stands_in_the_log(
    classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier.activate(classifier.stub(0), bundle(classifier.store))
    before = logging.root.handlers[:]
    configure_logs("info", as_json=True)
    try:
        with grpc.insecure_channel(classifier.address(0)) as channel:
            stub = classifier_pb2_grpc.ClassifierServiceStub(channel)
            request = classifier_pb2.ClassifyRequest(image=RED)
            _, call = stub.Classify.with_call(request, metadata=[("x-request-id", "catalogue-17")])
            assert request_id(call) == "catalogue-17"
            with pytest.raises(grpc.RpcError) as failed:
                stub.Classify(classifier_pb2.ClassifyRequest(), metadata=[("x-request-id", "catalogue-18")])
            assert request_id(failed.value) == "catalogue-18"
            _, odd = stub.Classify.with_call(request, metadata=[("x-request-id", 'a "line"')])
            assert re.fullmatch("[0-9a-f]{16}", request_id(odd))
            _, none = stub.Classify.with_call(request)
            assert request_id(none) != request_id(odd)
    finally:
        logging.root.handlers[:] = before
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    ids = {line.get("request_id") for line in lines if "Classify" in line["message"]}
    assert {"catalogue-17", "catalogue-18", request_id(odd), request_id(none)} <= ids


def test_a_trace_has_the_callers_span_above_and_the_stages_below(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr("saggar_classifier.servicer._traces", lambda: Traces(provider))
    stub = classifier.start(traces=True)
    classifier.activate(stub, bundle(classifier.store))
    asked = classifier_pb2.ClassifyBatchRequest(requests=[classifier_pb2.ClassifyRequest(image=RED)] * 2)
    trace_id, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    kept.clear()
    stub.ClassifyBatch(asked, metadata=[("traceparent", f"00-{trace_id}-{caller}-01")])
    with pytest.raises(InvalidInputError):
        classify(stub, b"no picture")
    until(lambda: len(kept.get_finished_spans()) >= 10)
    spans = kept.get_finished_spans()
    batch = next(span for span in spans if span.name.endswith("/ClassifyBatch"))
    assert f"{batch.context.trace_id:032x}" == trace_id
    assert batch.parent is not None
    assert f"{batch.parent.span_id:016x}" == caller
    stages = [span.name for span in spans if span.parent and span.parent.span_id == batch.context.span_id]
    assert sorted(stages) == sorted(["queue", "decode", "network", "answer"] * 2)
    bad = next(span for span in spans if span.name.endswith("/Classify"))
    assert bad.attributes["rpc.grpc.status_code"] == "INVALID_ARGUMENT"
    assert [event.name for event in bad.events] == ["exception"]


class Load:
    """Callers that ask one photograph after another, and one with a long stream, until `over` is set."""

    def __init__(self, target: str) -> None:
        self.answered, self.failed, self.streamed = 0, list[SaggarError](), 0
        self.over = threading.Event()
        self._target = target
        self._count = threading.Lock()
        self.threads = [*(threading.Thread(target=self._ask) for _ in range(4)), threading.Thread(target=self._send)]
        for thread in self.threads:
            thread.start()

    def _ask(self) -> None:
        with Client(self._target) as client:
            while not self.over.is_set():
                self._note(lambda: client.classify(RED))

    def _send(self) -> None:
        with Client(self._target) as client:
            images = iter(lambda: RED if not self.over.is_set() else None, None)
            for found in client.classify_many(images):
                self.streamed += 1
                if isinstance(found, SaggarError):
                    self.failed.append(found)

    def _note(self, call: Callable[[], object]) -> None:
        try:
            call()
        except SaggarError as error:
            self.failed.append(error)
        with self._count:
            self.answered += 1


def test_a_replica_leaves_without_a_failed_request(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    key = bundle(store).key
    with (
        ClassifierProcess(store.root, tmp_path, model=key) as leaving,
        ClassifierProcess(store.root, tmp_path, model=key) as staying,
    ):
        load = Load(f"ipv4:{leaving.address()},{staying.address()}")
        try:
            until(lambda: load.answered > 40 and load.streamed > 10)
            assert leaving.leave() == 0, leaving.log.read_text(encoding="utf-8")
            seen = load.answered, load.streamed
            until(lambda: load.answered > seen[0] + 20 and load.streamed > seen[1])
        finally:
            load.over.set()
            for thread in load.threads:
                thread.join(60)
    assert [str(error) for error in load.failed] == []
    log = leaving.log.read_text(encoding="utf-8")
    assert "draining for at most 20 s" in log
    assert log.rstrip().endswith("stopped")
