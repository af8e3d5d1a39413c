"""The review pages as one application. Rendered here, without a framework's script."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import FastAPI
from fastapi.responses import Response
from saggar.errors import NotFoundError
from saggar.pages.connection_limits import BodyLimit
from saggar.pages.entrance import create_site
from saggar.store import media_type_of

from saggar_qc.pages.judging import add_judging
from saggar_qc.pages.overview import add_overview
from saggar_qc.pages.site import Reviewer, Site
from saggar_qc.review.journal import Desks


def create_app(desks: Desks, tokens: Callable[[], Mapping[str, str]], url: str = "") -> FastAPI:
    """The site over the reviews of `desks` for the reviewers in `tokens` (reviewer -> token).

    `url`: where people reach it, when that is not the server's own address.
    """
    site = Site(desks, tokens, url)
    app = create_site(site, "Saggar review")
    _add_images(app, site)
    add_judging(app, site)
    add_overview(app, site)
    app.add_middleware(BodyLimit)  # the last one added is the first to see a request
    return app


def _add_images(app: FastAPI, site: Site) -> None:
    @app.get("/images/{key:path}")
    def image(key: str, _reviewer: Reviewer) -> Response:
        try:
            data = site.store.get(f"images/{key}")
        except NotFoundError:
            raise NotFoundError("this picture is not in the store any more; tell whoever runs Saggar") from None
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(data, media_type=media_type_of(key), headers=headers)
