"""A TCP line between a caller and a service that can be cut: silently, so that nobody notices, or with a break."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Any


class Line:
    """Listens on `listen` and passes everything to and from `target`, both host:port, while `whole`.

    Silent, what was sent waits, and new connections are taken and not answered; broken, nobody listens.
    """

    def __init__(self, listen: str, target: str) -> None:
        self._listen, self._target = _pair(listen), _pair(target)
        self._sockets: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._server: Any = None
        self.join()

    def join(self) -> None:
        self._flows.set()
        if self._server is None:
            self._server = socket.create_server(self._listen, backlog=64)
            threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def silence(self) -> None:
        self._flows.clear()

    def break_off(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._server = None
        for each in tuple(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = server.accept()
                threading.Thread(target=self._pass, args=(caller,), daemon=True).start()

    def _pass(self, caller: socket.socket) -> None:
        with contextlib.suppress(OSError), caller:
            self._flows.wait()
            with socket.create_connection(self._target, timeout=10) as service:
                other = {caller: service, service: caller}
                self._sockets |= set(other)
                try:
                    while True:
                        for ready in select.select(list(other), [], [], 1)[0]:
                            self._flows.wait()
                            data = ready.recv(65536)
                            if not data:
                                return
                            other[ready].sendall(data)
                finally:
                    self._sockets -= set(other)


def _pair(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
