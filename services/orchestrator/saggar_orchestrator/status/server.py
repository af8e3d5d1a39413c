"""The status pages' own port, beside the orchestrator's gRPC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from saggar.pages.access import TokenFile
from saggar.pages.server import PagesServer
from saggar.settings import write_address

from saggar_orchestrator.settings import OrchestratorSettings
from saggar_orchestrator.status.app import create_app
from saggar_orchestrator.status.site import Entry, Site
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.run import Resources

log = logging.getLogger(__name__)


def serve_status(settings: OrchestratorSettings, engine: Engine, resources: Resources) -> PagesServer:
    """The server of the pages at `settings.status_listen`; it runs. The engine must be launched.

    Raises InvalidInputError for a file of tokens that cannot be used, UnavailableError for a port that is taken.
    """
    entry = Entry(
        tokens=_tokens(settings.status_tokens),
        url=settings.status_url,
        review_url=settings.review_url,
        open_to_all=settings.status_open,
    )
    server = PagesServer(
        create_app(Site(engine, resources, entry)),
        settings.status_listen,
        setting="SAGGAR_STATUS_LISTEN",
        proxies=settings.status_proxies,
    )
    if settings.status_address_file is not None:
        write_address(settings.status_address_file, server.address, "status_address_file")
    return server


def _tokens(path: Path | None) -> Callable[[], Mapping[str, str]]:
    """Nobody's where there is no file: the pages are for looking then."""
    if path is None or not path.exists():
        log.warning("nobody can sign in to the status pages: SAGGAR_STATUS_TOKENS names no file that is there")
        return dict
    return TokenFile(path)
