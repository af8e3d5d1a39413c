"""API keys: who is let in, for what, how often; read again without a restart; noted without content."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from saggar.errors import BusyError, InvalidInputError, NotFoundError, WrongStateError
from saggar.rpc import request_ids
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore
from saggar.v1 import classifier_pb2, classifier_pb2_grpc
from saggar_classifier.access import keyring
from saggar_classifier.access.gate import Gate, is_loopback
from saggar_classifier.access.keyring import Keyring, hash_of
from saggar_classifier.servicer import ClassifierServicer
from saggar_classifier.settings import ClassifierSettings
from test_classifier import RED, bundle

PROBES = "/inference.GRPCInferenceService/ServerReady"


def write(path: Path, **callers: dict[str, Any]) -> None:
    """A file of keys; a caller's key is `NAME-key`."""
    keys = [
        {"name": name, "sha256": hash_of(f"{name}-key"), "scopes": ["classify"]} | fields
        for name, fields in callers.items()
    ]
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump({"keys": keys}))
    fresh.replace(path)


class Guarded:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.yaml"
        write(self.path, reader={}, keeper={"scopes": ["classify", "administer"]}, slow={"requests_per_minute": 6})
        store = DirectoryStore(folder / "store")
        settings = ClassifierSettings(threads=1)
        self.servicer = ClassifierServicer(store, settings)
        gate = Gate(Keyring(self.path))
        self.server = start_server(
            self.servicer.register,
            settings,
            self.servicer.restore,
            readiness=self.servicer.readiness,
            descriptors=self.servicer.descriptors,
            interceptors=[gate],
        )
        self.bundle = bundle(store)
        self.channels: list[grpc.Channel] = []

    def stub(self, key: str = "") -> Any:
        self.channels.append(open_channel(self.server.address, api_key=key, attempts=1))
        return classifier_pb2_grpc.ClassifierServiceStub(self.channels[-1])

    def activate(self, key: str) -> Any:
        return self.stub(key).ActivateModel(classifier_pb2.ActivateModelRequest(bundle=ref_to_proto(self.bundle)))

    def close(self) -> None:
        for channel in self.channels:
            channel.close()
        self.server.stop()
        self.servicer.stop()


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    monkeypatch.setattr(keyring, "_LOOK_S", 0.0)
    made = Guarded(tmp_path)
    yield made
    made.close()


def classify(stub: Any) -> Any:
    return stub.Classify(classifier_pb2.ClassifyRequest(image=RED))


def code_of(guarded: Guarded, metadata: list[tuple[str, str]], method: str = "Classify") -> grpc.StatusCode:
    with grpc.insecure_channel(guarded.server.address) as channel:
        call = channel.unary_unary(f"/saggar.v1.ClassifierService/{method}").future(b"", metadata=metadata, timeout=60)
        return call.code()


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ([], "UNAUTHENTICATED"),
        ([("authorization", "Bearer wrong-key")], "UNAUTHENTICATED"),
        ([("authorization", "Basic reader-key")], "UNAUTHENTICATED"),
        ([("authorization", "Bearer ")], "UNAUTHENTICATED"),
        ([("x-api-key", "")], "UNAUTHENTICATED"),
        ([("authorization", "Bearer reader-key")], "FAILED_PRECONDITION"),  # let in: no model is active
        ([("authorization", "bearer  reader-key ")], "FAILED_PRECONDITION"),
        ([("x-api-key", "reader-key")], "FAILED_PRECONDITION"),
    ],
)
def test_only_a_known_key_is_let_in(guarded: Guarded, metadata: list[tuple[str, str]], code: str) -> None:
    assert code_of(guarded, metadata).name == code


def test_models_are_changed_by_those_who_may(guarded: Guarded) -> None:
    with pytest.raises(WrongStateError, match="the key of reader does not have the scope administer"):
        guarded.activate("reader-key")
    assert guarded.activate("keeper-key").model_id
    assert classify(guarded.stub("reader-key")).model_id
    for method in ("RepositoryModelLoad", "RepositoryModelUnload"):
        with grpc.insecure_channel(guarded.server.address) as channel:
            call = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            made = call.future(b"", metadata=[("x-api-key", "reader-key")], timeout=60)
            assert made.code() is grpc.StatusCode.PERMISSION_DENIED


def test_probes_need_no_key_and_reflection_does(guarded: Guarded) -> None:
    with grpc.insecure_channel(guarded.server.address) as channel:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="live"), timeout=60)
        channel.unary_unary(PROBES)(b"", timeout=60)
        reflection = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        with pytest.raises(grpc.RpcError, match="asks for a key"):
            next(reflection(iter([b""]), timeout=60))


def test_who_asks_too_often_is_asked_to_wait(guarded: Guarded) -> None:
    guarded.activate("keeper-key")
    stub = guarded.stub("slow-key")  # 6 a minute, so one at once
    classify(stub)
    with pytest.raises(BusyError, match="slow may call 6 times a minute") as caught:
        classify(stub)
    assert 1 < caught.value.retry_after_s <= 10
    for _ in range(20):
        classify(guarded.stub("keeper-key"))


def test_keys_are_read_again_without_a_restart_and_a_bad_file_changes_nothing(guarded: Guarded) -> None:
    reader, new = [("x-api-key", "reader-key")], [("x-api-key", "new-key")]
    assert code_of(guarded, new) is grpc.StatusCode.UNAUTHENTICATED
    write(guarded.path, new={})
    assert code_of(guarded, new) is grpc.StatusCode.FAILED_PRECONDITION
    assert code_of(guarded, reader) is grpc.StatusCode.UNAUTHENTICATED
    for spoilt in ("keys: [", "keys: []", "keys:\n  - {name: x}\n"):
        time.sleep(0.01)
        guarded.path.write_text(spoilt)
        assert code_of(guarded, new) is grpc.StatusCode.FAILED_PRECONDITION
    guarded.path.unlink()
    assert code_of(guarded, new) is grpc.StatusCode.FAILED_PRECONDITION


def test_the_log_says_who_did_what_and_no_key(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "saggar.audit"):
        guarded.activate("keeper-key")
        code_of(guarded, [("x-api-key", "stolen-key")])
        deadline = time.monotonic() + 30
        while len(caplog.messages) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
    said = [record.getMessage() for record in caplog.records if record.name == "saggar.audit"]
    assert any("ActivateModel by keeper from ipv4:127.0.0.1" in line and ": OK" in line for line in said), said
    assert any("Classify by an unknown key" in line and "UNAUTHENTICATED" in line for line in said), said
    assert not any("-key" in line for line in said)


class _Ids(logging.Handler):
    """The id of the call beside every line, as the service's formatters write it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((request_ids.current(), record.getMessage()))


def test_every_line_of_the_audit_log_has_the_id_of_its_call(guarded: Guarded) -> None:
    handler, audit = _Ids(), logging.getLogger("saggar.audit")
    audit.addHandler(handler)
    audit.setLevel(logging.INFO)
    sent = {}
    calls = [
        ("good", "keeper", "ListModels"),
        ("unknown", "stolen", "ListModels"),
        ("unfit", "reader", "ActivateModel"),
    ]
    try:
        with grpc.insecure_channel(guarded.server.address) as channel:
            for name, key, method in (*calls, *[("often", "slow", "ListModels")] * 3):
                metadata = [("x-api-key", f"{key}-key"), ("x-request-id", f"call-{name}")]
                call = channel.unary_unary(f"/saggar.v1.ClassifierService/{method}").future(b"", 30, metadata)
                call.exception(timeout=30)
                sent[name] = dict(call.trailing_metadata())["x-request-id"]
        deadline = time.monotonic() + 30
        while not any("keeper" in line for _, line in handler.lines) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        audit.removeHandler(handler)
        audit.setLevel(logging.NOTSET)
    assert sent == {name: f"call-{name}" for name in ("good", "unknown", "unfit", "often")}
    found = dict(handler.lines)
    for name, said in (("good", ": OK"), ("unknown", "UNAUTH"), ("unfit", "PERMISSION_DENIED"), ("often", "too often")):
        assert said in found[f"call-{name}"], handler.lines


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("keys:\n  - {name: a, sha256: no, scopes: [classify]}\n", InvalidInputError, r"keys\.yaml.*sha256"),
        (f"keys:\n  - {{name: a, sha256: {'a' * 64}, scopes: [everything]}}\n", InvalidInputError, "scopes"),
        ("keys:\n" + f"  - {{name: a, sha256: {'a' * 64}, scopes: []}}\n" * 2, InvalidInputError, "appears twice"),
        (None, NotFoundError, "SAGGAR_API_KEYS: cannot read"),
    ],
)
def test_a_file_that_is_no_use_stops_the_start(
    tmp_path: Path, text: str | None, error: type[Exception], match: str
) -> None:
    path = tmp_path / "keys.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=match):
        Keyring(path)


def test_a_made_key_works(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "saggar_classifier.access", "catalogue", "--administer"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    path = tmp_path / "keys.yaml"
    path.write_text(f"keys:\n{made.stdout}")
    key = Keyring(path).find(made.stderr.rpartition(": ")[2].strip())
    assert key is not None
    assert (key.name, key.scopes) == ("catalogue", {"classify", "administer"})
    bad = subprocess.run([*command[:3], "no name"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("0.0.0.0:1", False), ("[::]:1", False)],
)
def test_who_can_reach_an_address(address: str, local: bool) -> None:
    assert is_loopback(address) == local


def test_a_service_within_reach_of_others_warns_at_start(tmp_path: Path) -> None:
    env = os.environ | {"SAGGAR_LISTEN": "0.0.0.0:0", "SAGGAR_STORE": str(tmp_path), "SAGGAR_MODEL": "bundles/none"}
    ended = subprocess.run(
        [sys.executable, "-m", "saggar_classifier"], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 2
    assert "within reach of other machines, without TLS" in ended.stderr
    assert "without API keys" in ended.stderr


def test_reflection_can_be_turned_off(tmp_path: Path) -> None:
    settings = ClassifierSettings(threads=1, reflection=False)
    servicer = ClassifierServicer(DirectoryStore(tmp_path), settings)
    server = start_server(servicer.register, settings)
    with grpc.insecure_channel(server.address) as channel:
        method = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        with pytest.raises(grpc.RpcError) as caught:
            next(method(iter([b""]), timeout=60))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    server.stop()
