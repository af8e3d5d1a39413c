"""The review pages' own port, beside the service's gRPC."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from saggar.errors import InvalidInputError, UnavailableError

from saggar_qc.pages.access import TokenFile
from saggar_qc.pages.app import create_app
from saggar_qc.pages.connection_limits import ImpatientProtocol
from saggar_qc.review.journal import Desks
from saggar_qc.settings import QcSettings

_START_S = 15.0


@contextmanager
def review_pages(settings: QcSettings, desks: Desks) -> Iterator[str]:
    """Serves the pages while the block runs, when the settings ask for them; gives their host:port.

    Raises InvalidInputError for settings or a token file that cannot be used.
    """
    if not settings.review_listen:
        yield ""
        return
    if settings.review_tokens is None:
        raise InvalidInputError(
            "SAGGAR_REVIEW_LISTEN needs SAGGAR_REVIEW_TOKENS: a YAML file with a line `name: token` for each reviewer"
        )
    server = ReviewServer(
        desks,
        TokenFile(settings.review_tokens),
        settings.review_listen,
        url=settings.review_url,
        proxies=settings.review_proxies,
    )
    try:
        if settings.review_address_file is not None:
            settings.review_address_file.write_text(server.address, encoding="utf-8")
        yield server.address
    finally:
        server.stop()


class ReviewServer:
    """Serves the pages from a thread until it is stopped."""

    def __init__(
        self,
        desks: Desks,
        tokens: Callable[[], Mapping[str, str]],
        listen: str,
        *,
        url: str = "",
        proxies: str = "",
    ) -> None:
        """`listen`: host:port, port 0 for a free one; `url`: where people reach it, when a server with TLS stands
        before it; `proxies`: addresses whose word on a visitor's address is believed, with commas.

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
                f"the review pages cannot listen on {listen} ({error.strerror}); set SAGGAR_REVIEW_LISTEN to "
                "another address"
            ) from error
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(desks, tokens, url),
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
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="review", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Lets running answers finish."""
        self._server.should_exit = True
        self._thread.join(_START_S)
        self._socket.close()
