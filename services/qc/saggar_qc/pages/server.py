"""The review pages' own port, beside the service's gRPC."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from pydantic import RootModel, field_validator
from saggar.errors import InvalidInputError, UnavailableError
from saggar.files.yamlfile import read_yaml

from saggar_qc.pages.app import create_app
from saggar_qc.review.journal import Desks
from saggar_qc.settings import QcSettings

_START_S = 15.0


_SHORTEST_SECRET = 12


class Tokens(RootModel[dict[str, str]]):
    """Reviewer -> the secret that they sign in with."""

    @field_validator("root")
    @classmethod
    def _sound(cls, tokens: dict[str, str]) -> dict[str, str]:
        if not tokens:
            raise ValueError("names no reviewer; write `name: secret`, one a line")
        short = [name for name, secret in tokens.items() if len(secret) < _SHORTEST_SECRET]
        if short:
            raise ValueError(f"secrets of {', '.join(short)} are shorter than {_SHORTEST_SECRET} characters")
        if len(set(tokens.values())) < len(tokens):
            raise ValueError("two reviewers have the same secret")
        return tokens


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
            "SAGGAR_REVIEW_LISTEN needs SAGGAR_REVIEW_TOKENS: a YAML file with a line `name: secret` for each reviewer"
        )
    tokens = read_tokens(settings.review_tokens)
    server = ReviewServer(desks, tokens, settings.review_listen)
    try:
        if settings.review_address_file is not None:
            settings.review_address_file.write_text(server.address, encoding="utf-8")
        yield server.address
    finally:
        server.stop()


def read_tokens(path: Path) -> dict[str, str]:
    """Reviewer -> secret. Raises InvalidInputError or NotFoundError, naming the file."""
    return read_yaml(path, Tokens).root


class ReviewServer:
    """Serves the pages from a thread until it is stopped."""

    def __init__(self, desks: Desks, tokens: Mapping[str, str], listen: str) -> None:
        """`listen`: host:port, port 0 for a free one. Raises UnavailableError when the port is taken."""
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
        config = uvicorn.Config(create_app(desks, tokens), log_config=None, access_log=False, lifespan="off")
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
