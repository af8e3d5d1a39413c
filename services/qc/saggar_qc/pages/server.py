"""The review pages' own port, beside the service's gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from saggar.errors import InvalidInputError
from saggar.pages.access import TokenFile
from saggar.pages.server import PagesServer
from saggar.settings import write_address

from saggar_qc.pages.app import create_app
from saggar_qc.review.journal import Desks
from saggar_qc.settings import QcSettings


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
    server = PagesServer(
        create_app(desks, TokenFile(settings.review_tokens), settings.review_url),
        settings.review_listen,
        setting="SAGGAR_REVIEW_LISTEN",
        proxies=settings.review_proxies,
    )
    try:
        if settings.review_address_file is not None:
            write_address(settings.review_address_file, server.address, "review_address_file")
        yield server.address
    finally:
        server.stop()
