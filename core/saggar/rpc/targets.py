"""Where a channel goes: this machine or another, through a proxy or not, to one address or to all of a name."""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

import grpc

_RENEWED_AFTER_S = 10.0
_EXCEPTIONS = ("no_grpc_proxy", "no_proxy")
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # in the order in which gRPC looks at them


def is_local(target: str) -> bool:
    """Whether `target` is this machine: a loopback address, localhost, or a socket file."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = _host(target)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_name(target: str) -> bool:
    """Whether `target` is a name, behind which there may be any number of addresses."""
    if target.startswith(("unix:", "unix-abstract:", "ipv4:", "ipv6:")) or is_local(target):
        return False
    try:
        ipaddress.ip_address(_host(target))
    except ValueError:
        return True
    return False


def proxy_hint(target: str) -> str:
    """What to try where `target` is out of reach and gRPC goes through a proxy to it; empty where it doesn't."""
    found = next(((name, os.environ[name]) for name in _PROXIES if os.environ.get(name)), None)
    host = _host(target)
    if found is None or is_local(target) or _is_excepted(host):
        return ""
    name, proxy = found
    shown = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return (
        f"calls to {host} go through the proxy {shown.hostname}:{shown.port or 80}, because of {name}: where the "
        f"service is within reach without it, set no_proxy={host}"
    )


def _is_excepted(host: str) -> bool:
    exceptions = next((os.environ[name] for name in _EXCEPTIONS if os.environ.get(name)), "")
    return any(host.endswith(each) for each in re.split(r"[,\s]+", exceptions) if each)


def _host(target: str) -> str:
    """The host of `host:port`, `[::1]:port`, `scheme:///host:port` or `dns://server/host:port`."""
    address = re.sub(r"^(dns://[^/]*/|[a-z0-9]+:///|dns:|ipv4:|ipv6:)", "", target)
    bracketed = re.match(r"\[([^\]]*)\]", address)
    if bracketed:
        return bracketed[1]
    return address if address.count(":") > 1 else address.rpartition(":")[0] or address


class RenewingChannel(grpc.Channel):
    """Channels to a name, one after the other. Each asks DNS for the name's addresses when it is made.

    gRPC's own channel asks again only when a connection ends. Channels of one process share their connections, so a
    new one costs a question to DNS and no more; a call stays with the channel that it began on, which is gone when
    its last call has ended.
    """

    def __init__(self, connect: Callable[[], grpc.Channel], renewed_after_s: float = _RENEWED_AFTER_S) -> None:
        self._connect = connect
        self._renewed_after_s = renewed_after_s
        self._lock = threading.Lock()
        self._channel = connect()
        self._made = time.monotonic()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._current().unary_unary(*args, **kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._current().unary_stream(*args, **kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._current().stream_unary(*args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._current().stream_stream(*args, **kwargs)

    def subscribe(self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool = False) -> None:
        self._current().subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        self._channel.unsubscribe(callback)

    def close(self) -> None:
        with self._lock:
            self._channel.close()
            self._made = float("inf")  # a call on a closed channel fails, as gRPC's own does

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _current(self) -> grpc.Channel:
        with self._lock:
            if time.monotonic() - self._made > self._renewed_after_s:
                self._channel = self._connect()
                self._made = time.monotonic()
            return self._channel
