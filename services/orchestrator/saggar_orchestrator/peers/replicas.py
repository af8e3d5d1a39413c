"""The replicas behind a service's target, and which of them has the least to do for us.

A worker does one job at a time and lets the others wait. So a job goes to a replica that has none of ours, and not to
whichever comes next: two trainings must not wait for one another while a trainer is idle.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

from saggar.rpc.targets import is_name

_ASKED_AGAIN_S = 10.0  # how long an answer of DNS is good for
_LEFT_ALONE_S = 15.0  # after a call that failed
_NAME = re.compile(r"(?:dns:(?:///)?)?(?P<host>[^/:\[\],]+):(?P<port>\d+)")


class Replicas:
    """`target`: host:port, several of them with commas between, or a name (`dns:///name:port`) with any number of
    addresses, which may become more or fewer. Safe for many threads.

    `by_name`: calls go to the name all the same, and gRPC spreads them, as where a certificate has names alone, or
    proxies go by them.
    """

    def __init__(self, target: str, *, by_name: bool = False) -> None:
        self._target = target
        self._by_name = by_name or _has_proxy()
        self._fixed = tuple(part.strip() for part in target.split(",")) if "," in target else ()
        self._lock = threading.Lock()
        self._found: tuple[str, ...] = ()
        self._asked_at = float("-inf")
        self._calls: Counter[str] = Counter()
        self._turn: Counter[str] = Counter()  # of replicas with equally many, the one that has rested longest
        self._turns = 0
        self._failed_at: dict[str, float] = {}

    def addresses(self) -> tuple[str, ...]:
        """What to open channels to, one per replica; the target itself where it does not tell them apart."""
        return self._fixed or ((self._target,) if self._by_name else self._known())

    def count(self) -> int:
        """How many replicas there are, as far as is known; at least 1."""
        return len(self._fixed or self._known())

    def _known(self) -> tuple[str, ...]:
        with self._lock:
            if time.monotonic() - self._asked_at < _ASKED_AGAIN_S:
                return self._found
        found = _addresses(self._target)
        with self._lock:
            self._found, self._asked_at = found, time.monotonic()
        return found

    @contextlib.contextmanager
    def least_busy(self, but: str = "") -> Iterator[str]:
        """The address of the replica with the fewest of our calls, for one more; `but`: another one if there is any.

        One that has failed lately is left alone while there are others: a dead one never has anything to do.
        """
        known = self.addresses()
        others = [address for address in known if address != but] or list(known)
        lately = time.monotonic() - _LEFT_ALONE_S
        with self._lock:
            well = [one for one in others if self._failed_at.get(one, lately) <= lately] or others
            address = min(well, key=lambda one: (self._calls[one], self._turn[one]))
            self._turns += 1
            self._calls[address] += 1
            self._turn[address] = self._turns
        try:
            yield address
        finally:
            with self._lock:
                self._calls[address] -= 1

    def failed(self, address: str) -> None:
        """The replica could not be reached, is stopping, or has too much to do."""
        with self._lock:
            self._failed_at[address] = time.monotonic()


def _addresses(target: str) -> tuple[str, ...]:
    """Of a name all that DNS knows; the target where it is no name, or has one address."""
    named = _NAME.fullmatch(target)
    if named is None or not is_name(target):
        return (target,)
    try:
        found = socket.getaddrinfo(named["host"], int(named["port"]), type=socket.SOCK_STREAM)
    except OSError:
        return (target,)  # the call says what is wrong with it
    families = {entry[0] for entry in found}
    family = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6  # a replica may have one of each
    hosts = sorted({str(entry[4][0]) for entry in found if entry[0] == family})
    if len(hosts) < 2:
        return (target,)
    return tuple(f"[{host}]:{named['port']}" if ":" in host else f"{host}:{named['port']}" for host in hosts)


def _has_proxy() -> bool:
    return any(os.environ.get(name) for name in ("grpc_proxy", "https_proxy", "http_proxy"))
