"""The server: health, reflection, ports, TLS, drain."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rig import SERVICE, Orchestrator, Rig
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError, WrongStateError
from saggar.rpc.channel import wait_ready
from saggar.rpc.serving.server import Readiness, start_server
from saggar.settings import ServiceSettings
from saggar.v1.orchestrator_pb2 import ListExperimentsRequest, WatchExperimentRequest, WatchExperimentResponse

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def health(address: str, service: str = "") -> int:
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60).status


def test_health_answers_for_the_server_and_for_its_service(rig: Rig) -> None:
    server = rig.start()
    assert health(server.address) == SERVING
    assert health(server.address, SERVICE) == SERVING


def test_a_service_that_cannot_work_is_live_but_not_ready_and_may_be_again(rig: Rig) -> None:
    readiness = Readiness()
    server = start_server(rig.servicer.register, readiness=readiness)
    rig.servers.append(server)
    for ready in (False, True, False):
        readiness.set(ready)
        assert [health(server.address, name) == SERVING for name in ("", SERVICE, "live")] == [ready, ready, True]
    wait_ready(server.address, 60)
    with pytest.raises(UnavailableError, match="does not serve yet"):
        wait_ready(server.address, 2, service="")


def test_a_server_that_warms_up_does_not_serve_yet(tmp_path: Path) -> None:
    file = tmp_path / "run" / "address"
    seen: list[int] = []

    def warm_up() -> None:
        seen.append(health(file.read_text()))
        with pytest.raises(UnavailableError, match="does not serve yet"):
            wait_ready(file.read_text(), 2)

    server = start_server(Orchestrator().register, ServiceSettings(address_file=file), warm_up)
    try:
        assert seen == [NOT_SERVING]
        assert file.read_text() == server.address
        wait_ready(server.address, 60)
        assert health(server.address) == SERVING
    finally:
        server.stop()


def test_an_address_file_that_is_a_folder_stops_the_server_with_a_word(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"SAGGAR_ADDRESS_FILE: .*is a folder"):
        start_server(Orchestrator().register, ServiceSettings(address_file=tmp_path))
    environment = os.environ | {"SAGGAR_ADDRESS_FILE": str(tmp_path), "SAGGAR_STORE": str(tmp_path / "store")}
    program = [sys.executable, "-m", "saggar_classifier"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "cannot start: SAGGAR_ADDRESS_FILE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_warm_up_that_fails_stops_the_server(tmp_path: Path) -> None:
    file = tmp_path / "address"

    def warm_up() -> None:
        raise NotFoundError("no model; train one")

    with pytest.raises(NotFoundError, match="no model"):
        start_server(Orchestrator().register, ServiceSettings(address_file=file), warm_up)
    with pytest.raises(UnavailableError):
        wait_ready(file.read_text(), 0.3)


def test_reflection_lists_the_service(rig: Rig) -> None:
    with grpc.insecure_channel(rig.start().address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(stub.ServerReflectionInfo(iter([question]), timeout=60))
    names = {service.name for service in answer.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


def test_a_port_that_is_taken_is_told(rig: Rig) -> None:
    address = rig.start().address
    with pytest.raises(WrongStateError, match=rf"cannot listen on {address}.*SAGGAR_LISTEN"):
        rig.start(listen=address)


def test_drain_lets_a_running_stream_end_and_takes_no_new_calls(rig: Rig) -> None:
    started, finish = threading.Event(), threading.Event()

    def watch(_: Any, __: grpc.ServicerContext) -> Iterator[Any]:
        yield WatchExperimentResponse()
        started.set()
        finish.wait(120)
        yield WatchExperimentResponse()

    rig.servicer.watch = watch
    server = rig.start()
    call = rig.stub(server.address).WatchExperiment(WatchExperimentRequest())
    next(call)
    assert started.wait(60)
    stopping = threading.Thread(target=server.stop, args=(120,))
    stopping.start()
    with pytest.raises(UnavailableError):
        wait_ready(server.address, 0.3)
    finish.set()
    assert len(list(call)) == 1
    stopping.join(60)
    assert not stopping.is_alive()


def test_a_stream_that_outlasts_the_drain_is_cancelled(rig: Rig) -> None:
    from saggar.rpc.serving.server import cancellation

    ended = threading.Event()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        cancelled = cancellation(context)
        yield WatchExperimentResponse()
        cancelled.wait(120)
        ended.set()

    rig.servicer.watch = watch
    server = rig.start()
    call = rig.stub(server.address).WatchExperiment(WatchExperimentRequest())
    next(call)
    before = time.monotonic()
    server.stop(0.2)
    assert ended.wait(60)
    assert time.monotonic() - before < 60
    with pytest.raises(Exception, match=r".+"):
        list(call)


def test_tls_with_client_certificates(rig: Rig, tmp_path: Path) -> None:
    from saggar.rpc.channel import ClientTls

    pem = certificates(tmp_path)
    server = rig.start(
        listen="localhost:0",
        tls_cert=pem["server.pem"],
        tls_key=pem["server.key"],
        tls_client_ca=pem["ca.pem"],
    )
    own = ClientTls(authorities=pem["ca.pem"], certificate=pem["client.pem"], key=pem["client.key"])
    rig.stub(server.address, tls=own).ListExperiments(ListExperimentsRequest())
    wait_ready(server.address, 5, tls=own)
    for wrong in (ClientTls(authorities=pem["ca.pem"]), None):
        with pytest.raises(UnavailableError):
            rig.stub(server.address, tls=wrong, attempts=1).ListExperiments(ListExperimentsRequest())
    with pytest.raises(NotFoundError, match="SAGGAR_TLS_KEY"):
        rig.start(tls_cert=pem["server.pem"], tls_key=tmp_path / "none.key")


def certificates(folder: Path) -> dict[str, Path]:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=test authority",
        "-days",
        "2",
    )
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", "names",
        )  # fmt: skip
    return {path.name: path for path in folder.iterdir()}


# A whole process, as a service's __main__ is.

PROCESS = """
import os, sys, time
sys.path.insert(0, {tests!r})
from rig import Orchestrator
from saggar.errors import SaggarError
from saggar.rpc.serving.server import cancellation, leave, serve
from saggar.settings import read_settings, ServiceSettings
from saggar.v1.orchestrator_pb2 import WatchExperimentResponse

def watch(request, context):
    cancelled = cancellation(context)
    yield WatchExperimentResponse()
    if request.experiment_id == "stuck":
        print("now stuck", file=sys.stderr, flush=True)
        time.sleep(600)
    cancelled.wait(0.5 if request.experiment_id == "short" else 600)
    yield WatchExperimentResponse()

warm_up_s = float(os.environ.get("WARM_UP_S", "0"))
try:
    settings = read_settings(ServiceSettings, "A test.")
except SaggarError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
leave(serve(Orchestrator(watch=watch).register, settings, lambda: time.sleep(warm_up_s)))
"""


class Process:
    def __init__(self, folder: Path, **settings: str) -> None:
        self.file, self.log_file = folder / "address", folder / "log"
        self.log = self.log_file.open("w")
        variables = {f"SAGGAR_{name.upper()}": value for name, value in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS.format(tests=str(Path(__file__).parents[1]))],
            env=os.environ | {"SAGGAR_ADDRESS_FILE": str(self.file)} | variables,
            stderr=self.log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def address(self) -> str:
        until(lambda: self.file.exists() or self.process.poll() is not None)
        return self.file.read_text()

    def ready(self) -> str:
        wait_ready(self.address(), 60)
        return self.address()

    def signal(self, number: int) -> None:
        """Sends a signal and waits until the process has noticed it: two that come at once are one."""
        self.process.send_signal(number)
        until(lambda: "draining" in self.log_file.read_text() or self.process.poll() is not None)

    def stuck(self, rig: Rig, address: str) -> Any:
        """A call whose work hangs for certain: before that, a signal would end it between two messages."""
        call = rig.stub(address).WatchExperiment(WatchExperimentRequest(experiment_id="stuck"))
        next(call)
        until(lambda: "now stuck" in self.log_file.read_text() or self.process.poll() is not None)
        return call

    def ended(self) -> tuple[int, str]:
        code = self.process.wait(120)
        return code, self.log_file.read_text()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120  # processes start slowly on a busy machine
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sigterm_drains_a_process(tmp_path: Path, rig: Rig) -> None:
    with Process(tmp_path, log_json="1") as process:
        call = rig.stub(process.ready()).WatchExperiment(WatchExperimentRequest(experiment_id="short"))
        next(call)
        process.process.send_signal(signal.SIGTERM)
        assert len(list(call)) == 1
        code, log = process.ended()
    assert code == 0
    assert '"message": "draining for at most 20 s"' in log
    assert not process.file.exists()


@pytest.mark.parametrize(("drain_seconds", "signals"), [("0.3", 1), ("600", 2)])
def test_a_process_ends_when_its_drain_or_its_operator_runs_out_of_patience(
    tmp_path: Path, rig: Rig, drain_seconds: str, signals: int
) -> None:
    with Process(tmp_path, drain_seconds=drain_seconds) as process:
        call = rig.stub(process.ready()).WatchExperiment(WatchExperimentRequest(experiment_id="long"))
        next(call)
        for _ in range(signals):
            process.signal(signal.SIGINT)
        code, _ = process.ended()
    assert code == 0


def test_a_second_signal_ends_a_process_whose_work_hangs(tmp_path: Path, rig: Rig) -> None:
    with Process(tmp_path) as process:
        call = process.stuck(rig, process.ready())
        for _ in range(2):
            process.signal(signal.SIGTERM)
        code, log = process.ended()
        call.cancel()
    assert code == 0
    assert "ending with work still running" in log


def test_a_signal_interrupts_the_warm_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARM_UP_S", "600")
    with Process(tmp_path) as process:
        process.address()
        process.process.send_signal(signal.SIGTERM)
        code, log = process.ended()
    assert code == 0
    assert "stopped while starting" in log


def test_a_signal_interrupts_the_warm_up_while_work_hangs(
    tmp_path: Path, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARM_UP_S", "600")
    with Process(tmp_path) as process:
        call = process.stuck(rig, process.address())
        process.process.send_signal(signal.SIGTERM)
        code, log = process.ended()
        call.cancel()
    assert code == 0
    assert "ending with work still running" in log


def test_a_signal_at_any_moment_of_waiting_is_noticed() -> None:
    """In particular while the waiting thread holds the lock of what it waits for."""
    waiting = """
import signal, random
from saggar.rpc.serving.server import _Signals

signals = _Signals()
signals.interrupt = False
signal.signal(signal.SIGALRM, signals._note)
for _ in range(20_000):
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 6e-5))
    assert signals.wait()
"""
    subprocess.run([sys.executable, "-c", waiting], check=True, timeout=120)


def test_a_process_with_bad_settings_says_which(tmp_path: Path) -> None:
    with Process(tmp_path, listen="nowhere") as process:
        code, log = process.ended()
    assert code == 2
    assert "SAGGAR_LISTEN: 'nowhere' is not host:port" in log
    assert "Traceback" not in log


def test_a_process_on_a_taken_port_fails_with_one_line(tmp_path: Path, rig: Rig) -> None:
    with Process(tmp_path, listen=rig.start().address) as process:
        code, log = process.ended()
    assert code == 1
    assert "cannot listen on" in log
    assert "Traceback" not in log
