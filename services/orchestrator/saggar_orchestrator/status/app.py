"""The status pages as one application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from saggar.pages.connection_limits import LARGEST_BODY, BodyLimit
from saggar.pages.entrance import create_site
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from saggar_orchestrator.status.beginning import LARGEST_FILE, add_beginning
from saggar_orchestrator.status.experiments import add_experiments
from saggar_orchestrator.status.lists import add_lists
from saggar_orchestrator.status.site import Site
from saggar_orchestrator.status.trying import LARGEST_UPLOAD, add_trying

_LARGER = {"/try": LARGEST_UPLOAD, "/new": LARGEST_FILE, "/experiments": LARGEST_FILE}  # of those who are signed in


def create_app(site: Site) -> FastAPI:
    """All pages of `site`."""
    app = create_site(site, "Saggar status")
    add_experiments(app, site)
    add_beginning(app, site)
    add_lists(app, site)
    add_trying(app, site)

    @app.middleware("http")
    async def own_address(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        host = request.headers.get("host", "")
        if not site.knows(host):
            return PlainTextResponse(
                f"'{host[:100]}' is no address of these pages; set SAGGAR_STATUS_URL to the one that people use",
                421,
            )
        return await call_next(request)

    async def limit(scope: Scope) -> int:
        larger = _LARGER.get(scope["path"], 0) if scope["method"] == "POST" else 0
        if not larger:
            return LARGEST_BODY
        person: str = await run_in_threadpool(site.person, Request(scope))
        return larger if person else LARGEST_BODY

    app.add_middleware(BodyLimit, limit=limit)  # the last one added is the first to see a request
    return app
