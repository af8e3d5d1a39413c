"""Starts the servers that are compared, each with as many workers as there are processors, and ends them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
_START_S = 120
OTHERS = {"mlserver": "v2", "litserve": "coded", "bentoml": "body"}  # and the protocol that it is asked by


@dataclass(frozen=True)
class Started:
    """A server that answers, and by which protocol of `clients`."""

    address: str
    protocol: str
    process: subprocess.Popen[bytes]


@contextmanager
def plain(store: Path, key: str) -> Iterator[Started]:
    with _running([sys.executable, str(HERE / "plain_server.py"), str(store), key], Path(), read=True) as process:
        address = process.stdout.readline().decode().strip() if process.stdout else ""
        yield Started(address, "saggar", process)


@contextmanager
def other(name: str, python: Path, network: Path, folder: Path, workers: int) -> Iterator[Started]:
    """One of OTHERS, by the Python of its environment."""
    port, more = _free_port(), [_free_port(), _free_port()]
    own = {
        "SAGGAR_BENCH_MODEL": network,
        "SAGGAR_BENCH_WORKERS": workers,
        "PYTHONPATH": HERE,
        "BENTOML_DO_NOT_TRACK": 1,
    }
    commands = {
        "mlserver": [str(python.with_name("mlserver")), "start", str(folder)],
        "litserve": [str(python), str(HERE / "litserve_server.py"), str(port), str(workers)],
        "bentoml": [
            *(str(python.with_name("bentoml")), "serve", "bentoml_service:Classifier", "--working-dir", str(HERE)),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
    }
    if name == "mlserver":
        settings = {
            "host": "127.0.0.1",
            "http_port": more[0],
            "metrics_port": more[1],
            "grpc_port": port,
            "parallel_workers": workers,
            "grpc_max_message_length": 20 << 20,
            "debug": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        model = {"name": "classifier", "implementation": "mlserver_model.Classifier"}
        (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    with _running(commands[name], folder, own) as process:
        _until_it_listens(port, process)
        yield Started(f"127.0.0.1:{port}", OTHERS[name], process)


def processor_seconds(process: int) -> float:
    """What a process and its descendants have used; without those that have ended."""
    return sum(used for _, used in _tree(process)) / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> list[tuple[int, int]]:
    """Process and ticks of `root` and its descendants: BentoML's workers have sessions of their own."""
    found: dict[int, tuple[int, int]] = {}  # process -> its parent, ticks
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
        except OSError:  # ended meanwhile
            continue
        found[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    tree = [root] if root in found else []
    for parent in tree:  # grows while it is walked
        tree += [process for process, (above, _) in found.items() if above == parent]
    return [(process, found[process][1]) for process in tree]


@contextmanager
def _running(
    command: list[str], folder: Path, environment: dict[str, object] | None = None, *, read: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    variables = os.environ | {name: str(value) for name, value in (environment or {}).items()}
    out = subprocess.PIPE if read else (folder / "server.log").open("wb")
    process = subprocess.Popen(  # noqa: S603 ours
        command, cwd=folder, env=variables, stdout=out, stderr=None if read else out, start_new_session=True
    )
    try:
        yield process
    finally:
        for each, _ in _tree(process.pid):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait()


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError("the server did not start; its log is in the folder of the measurement")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
