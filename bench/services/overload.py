"""Many clients with large photographs at once: `python bench/services/overload.py`; prints JSON.

32 clients send JPEGs of 50 Mpx to one classifier for 20 seconds, each call with a deadline of 10 s, while one client
sends photographs of 512 px. A client that is refused waits as long as it was told to. Says how many were answered,
refused and given up, what the small ones waited, and how much memory the service took.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from classifier import photograph, untrained_bundle
from PIL import Image
from saggar.errors import BusyError, SaggarError, UnavailableError
from saggar.rpc.channel import open_channel, wait_ready
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

CLIENTS, SECONDS, DEADLINE_S = 32, 20.0, 10.0


def main() -> None:
    large = _large_photograph()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "address"
        bundle = untrained_bundle(DirectoryStore(Path(folder) / "store"))
        env = {"SAGGAR_STORE": f"{folder}/store", "SAGGAR_ADDRESS_FILE": str(file), "SAGGAR_LOG_LEVEL": "warning"}
        with subprocess.Popen([sys.executable, "-m", "saggar_classifier"], env=os.environ | env) as process:
            try:
                while not file.exists():
                    time.sleep(0.05)
                wait_ready(file.read_text(), 60)
                print(json.dumps(_crowded(file.read_text(), process.pid, bundle, large), indent=1))
            finally:
                process.terminate()


def _crowded(address: str, pid: int, bundle: Any, large: bytes) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    waits: list[float] = []
    over = threading.Event()
    small = photograph(0)
    with open_channel(address) as channel:
        stub: Any = classifier_pb2_grpc.ClassifierServiceStub(channel)
        stub.ActivateModel(classifier_pb2.ActivateModelRequest(bundle=ref_to_proto(bundle)))

        def crowd() -> None:
            while not over.is_set():
                outcomes[_ask(stub, large, over)] += 1

        def honest() -> None:
            while not over.is_set():
                started = time.perf_counter()
                if _ask(stub, small, over) == "answered":
                    waits.append((time.perf_counter() - started) * 1e3)
                over.wait(0.1)

        threads = [threading.Thread(target=crowd) for _ in range(CLIENTS)] + [threading.Thread(target=honest)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        over.wait(SECONDS)
        over.set()
        seconds = time.monotonic() - started
        for thread in threads:
            thread.join()
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {
        "clients": CLIENTS,
        "megabytes": round(len(large) / 1e6, 1),
        "answered_per_second": round(outcomes["answered"] / seconds, 2),
        **outcomes,
        "small_answered": len(waits),
        "small_median_ms": round(float(np.median(waits))) if waits else None,
        "peak_memory_mib": int(peak.split()[1]) // 1024,
    }


def _ask(stub: Any, image: bytes, over: threading.Event) -> str:
    try:
        stub.Classify(classifier_pb2.ClassifyRequest(image=image), timeout=DEADLINE_S)
    except BusyError as error:
        over.wait(error.retry_after_s)
        return "refused"
    except UnavailableError:
        return "deadline"
    except SaggarError as error:
        return type(error).__name__
    return "answered"


def _large_photograph() -> bytes:
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((8192, 6144), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


if __name__ == "__main__":
    main()
