"""A process of callers: `python clients.py PROTOCOL ADDRESS CLIENTS SECONDS FOLDER [RATE]` prints JSON.

PROTOCOL: saggar (the contract), v2 (the standard inference protocol), body or coded (HTTP: as it is, or
in base64). So many clients ask one
photograph after another; with RATE, so many photographs a second are due, whether the former were answered or not, and
waits count from when one was due. The clients' own processor time is said, for it is taken from the same processors.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from saggar.v1 import classifier_pb2
from saggar_classifier.protocols.inference import grpc_service_pb2 as pb

_OPEN_LOOP_THREADS = 64
_START_S, _WARM = 60, 8
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]

Call = Callable[[bytes], None]


def main() -> None:
    protocol, address, clients, seconds, folder, *rate = sys.argv[1:]
    photographs = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    call = Counted(PROTOCOLS[protocol](address))
    _until_it_answers(call, photographs[0])
    used = time.process_time()
    if rate:
        waits, failed = open_loop(call, photographs, float(seconds), float(rate[0]))
    else:
        waits, failed = closed_loop(call, photographs, float(seconds), int(clients))
    used = time.process_time() - used
    found = {
        "per_second": round(len(waits) / float(seconds), 1),
        "p50_ms": round(1e3 * float(np.quantile(waits, 0.5)), 1) if waits else None,
        "p99_ms": round(1e3 * float(np.quantile(waits, 0.99)), 1) if waits else None,
        "clients_processors": round(used / float(seconds), 2),
        "calls": call.answered,
        **({"failed": failed} if failed else {}),
    }
    print(json.dumps(found))


class Counted:
    """A call, and how many were answered: those of the start and those that came too late as well."""

    def __init__(self, call: Call) -> None:
        self.answered = 0
        self._call = call
        self._lock = threading.Lock()

    def __call__(self, photograph: bytes) -> None:
        self._call(photograph)
        with self._lock:
            self.answered += 1


def _until_it_answers(call: Call, photograph: bytes) -> None:
    deadline = time.monotonic() + _START_S
    for _ in range(_WARM):  # every worker has to have begun
        while True:
            try:
                call(photograph)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                break


def closed_loop(call: Call, photographs: list[bytes], seconds: float, clients: int) -> tuple[list[float], int]:
    waits: list[float] = []
    failed: list[str] = []
    over = time.perf_counter() + seconds

    def work(number: int) -> None:
        turn = number
        while (begun := time.perf_counter()) < over:
            turn += 1
            try:
                call(photographs[turn % len(photographs)])
            except Exception as error:  # noqa: BLE001 whatever a server does when it is full
                failed.append(repr(error))
                continue
            if time.perf_counter() <= over:  # else a crowd's last answers would count for a time that is over
                waits.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits, len(failed)


def open_loop(call: Call, photographs: list[bytes], seconds: float, rate: float) -> tuple[list[float], int]:
    """Arrivals as of many people who do not know of each other."""
    gaps = np.random.default_rng(0).exponential(1 / rate, int(2 * rate * seconds) + 10)
    due = [at for at in np.cumsum(gaps).tolist() if at < seconds]
    begun = time.perf_counter()

    def ask(number: int) -> float | None:
        try:
            call(photographs[number % len(photographs)])
        except Exception:  # noqa: BLE001 as above
            return None
        return time.perf_counter() - begun - due[number]

    with ThreadPoolExecutor(_OPEN_LOOP_THREADS) as pool:
        futures = []
        for number, at in enumerate(due):
            time.sleep(max(0.0, at - (time.perf_counter() - begun)))
            futures.append(pool.submit(ask, number))
        waits = [future.result() for future in futures]
    return [wait for wait in waits if wait is not None], sum(wait is None for wait in waits)


def saggar(address: str) -> Call:
    method = grpc.insecure_channel(address, _OPTIONS).unary_unary("/saggar.v1.ClassifierService/Classify")

    def call(data: bytes) -> None:
        answer = method(classifier_pb2.ClassifyRequest(image=data).SerializeToString(), timeout=60)
        assert classifier_pb2.ClassifyResponse.FromString(answer).predictions  # noqa: S101 an answer is one

    return call


def standard(address: str) -> Call:
    channel = grpc.insecure_channel(address, _OPTIONS)
    method = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")

    def call(data: bytes) -> None:
        tensor = pb.ModelInferRequest.InferInputTensor(name="photograph", datatype="BYTES", shape=[1])
        tensor.contents.bytes_contents.append(data)
        request = pb.ModelInferRequest(model_name="classifier", inputs=[tensor])
        answer = pb.ModelInferResponse.FromString(method(request.SerializeToString(), timeout=60))
        assert answer.outputs  # noqa: S101 as above

    return call


def body(address: str) -> Call:
    return _posting(address, "/classify", "image/jpeg", lambda data: data)


def coded(address: str) -> Call:
    return _posting(
        address,
        "/predict",
        "application/json",
        lambda data: b'{"photograph": "' + base64.b64encode(data) + b'"}',
    )


def _posting(address: str, path: str, kind: str, wrapped: Callable[[bytes], bytes]) -> Call:
    own = threading.local()  # a connection for each client, kept

    def call(data: bytes) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(address, timeout=60)
        try:
            own.connection.request("POST", path, wrapped(data), {"Content-Type": kind})
            answer = own.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            own.connection.close()
            raise
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {text[:200]!r}")

    return call


PROTOCOLS: dict[str, Callable[[str], Any]] = {"saggar": saggar, "v2": standard, "body": body, "coded": coded}


if __name__ == "__main__":
    main()
