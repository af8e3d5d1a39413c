"""Thousands of hostile gRPC requests to all five services: `python bench/services/hostile.py [MESSAGES]`; prints JSON.

Starts the services as processes on a store of their own. To every method go bytes that are no message, empty and cut
messages, one of 21 MiB, and MESSAGES (60) with fields that nobody should send: numbers at and beyond their limits,
NaN, paths, bombs of YAML and PNG, half files, references to nothing and to something else. Before and meanwhile an
honest caller asks each service every 50 ms. Says how many requests came to which status, which were wrong (INTERNAL,
UNKNOWN, no answer), what the honest caller waited, and how much memory grew in the second half. Exits with 1 where
anything is wrong.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from saggar.rpc.refs import ref_to_proto

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support" / "attacks"))

from hostile_calls import SERVICES, Fleet, answer, hostile_calls

_ROUNDS = 4  # the first two fill caches and pools
_MOST_GROWTH_MIB = 50
_CALM_S = 10.0  # before the attack, for comparison


def main() -> int:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder, Fleet(Path(folder)) as fleet:
        known = ref_to_proto(fleet.put_text())
        found = {name: _attacked(fleet, name, messages, known) for name in SERVICES}
    wrong = [line for each in found.values() for line in each["wrong"]]
    print(json.dumps({"requests": sum(each["requests"] for each in found.values()), **found}, indent=1))
    return int(bool(wrong) or any(each["grown_mib"] > _MOST_GROWTH_MIB for each in found.values()))


def _attacked(fleet: Fleet, name: str, messages: int, known: Any) -> dict[str, Any]:
    codes: Counter[str] = Counter()
    wrong: list[str] = []
    address = fleet.addresses[name]
    with Honest(address) as calm:
        time.sleep(_CALM_S)
    with Honest(address) as honest, grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel:
        rounds = []
        for seed in range(_ROUNDS):
            for call in hostile_calls(name, messages // _ROUNDS, seed, known):
                code, text = answer(channel, call)
                codes[code.name] += 1
                if code not in call.right:
                    wrong.append(f"{call.method} {call.kind}: {code.name} {text[:200]}")
            rounds.append(fleet.memory_mib(name))
    return {
        "requests": sum(codes.values()),
        "statuses": dict(codes.most_common()),
        "wrong": wrong,
        "memory_mib": round(rounds[-1]),
        "grown_mib": round(rounds[-1] - rounds[_ROUNDS // 2 - 1]),
        "honest_calls": len(honest.waits_ms),
        "honest_failures": honest.failures,
        "honest_p99_ms": _p99(honest),
        "honest_p99_ms_before": _p99(calm),
    }


def _p99(honest: Honest) -> float:
    return round(float(np.quantile(honest.waits_ms, 0.99)), 1)


class Honest:
    """Somebody who asks for health every 50 ms, and notes how long it took."""

    def __init__(self, address: str) -> None:
        self.waits_ms: list[float] = []
        self.failures = 0
        self._address = address
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with grpc.insecure_channel(self._address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while not self._over.wait(0.05):
                started = time.perf_counter()
                try:
                    stub.Check(health_pb2.HealthCheckRequest(service="live"), timeout=30)
                except grpc.RpcError:
                    self.failures += 1
                self.waits_ms.append((time.perf_counter() - started) * 1e3)


if __name__ == "__main__":
    sys.exit(main())
