"""A port of their own for pages, beside a service's gRPC."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

from saggar.errors import UnavailableError
from saggar.pages.connection_limits import ImpatientProtocol

_START_S = 15.0


class PagesServer:
    """Serves an application from a thread until it is stopped."""

    def __init__(self, app: FastAPI, listen: str, *, setting: str, proxies: str = "") -> None:
        """`listen`: host:port, port 0 for a free one; `setting`: the variable that it comes from; `proxies`: addresses
        whose word on a visitor's address is believed, with commas.

        Raises UnavailableError when the port is taken.
        """
        host, _, port = listen.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With the protocol named asyncio turns Nagle's algorithm off; without, each answer waits 40 ms.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host.strip("[]"), int(port)))
            self._socket.listen(128)  # whoever comes before the server runs waits
        except OSError as error:
            self._socket.close()
            raise UnavailableError(
                f"the pages cannot listen on {listen} ({error.strerror}); set {setting} to another address"
            ) from error
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http=ImpatientProtocol,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies or None,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="pages", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Lets running answers finish."""
        self._server.should_exit = True
        self._thread.join(_START_S)
        self._socket.close()
