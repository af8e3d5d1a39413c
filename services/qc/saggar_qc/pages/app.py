"""The review pages as one application: errors, headers, the entrance. Rendered here, without a framework's script."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from saggar.errors import InvalidInputError, NotFoundError, SaggarError, UnavailableError, WrongStateError
from saggar.store import media_type_of

from saggar_qc.pages.access import SESSION_S, owner_of
from saggar_qc.pages.connection_limits import BodyLimit
from saggar_qc.pages.judging import add_judging
from saggar_qc.pages.overview import add_overview
from saggar_qc.pages.site import COOKIE, LANGUAGE_COOKIE, Reviewer, SignedOut, Site, is_fragment, language_of
from saggar_qc.pages.words import LANGUAGES, WORDS
from saggar_qc.review.journal import Desks

_HERE = Path(__file__).parent
_STATUS: dict[type[SaggarError], int] = {
    InvalidInputError: 400,
    NotFoundError: 404,
    WrongStateError: 409,
    UnavailableError: 503,
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

log = logging.getLogger(__name__)


def create_app(desks: Desks, tokens: Callable[[], Mapping[str, str]], url: str = "") -> FastAPI:
    """The site over the reviews of `desks` for the reviewers in `tokens` (reviewer -> token).

    `url`: where people reach it, when that is not the server's own address.
    """
    app = FastAPI(title="Saggar review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site = Site(desks, tokens, url)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    _add_errors(app, site)
    _add_entrance(app, site)
    _add_common(app, site)
    add_judging(app, site)
    add_overview(app, site)
    app.add_middleware(BodyLimit)  # the last one added is the first to see a request
    return app


def _add_errors(app: FastAPI, site: Site) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        origin = request.headers.get("origin")
        if request.method == "POST" and origin and not site.is_own(origin, request):
            return PlainTextResponse("this request came from another site", 403)
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(SignedOut)
    def to_sign_in(request: Request, _error: SignedOut) -> Response:
        if is_fragment(request):
            return JSONResponse({"error": WORDS[language_of(request)]["sign_in"]}, 401)
        return RedirectResponse("/signin", 303)

    @app.exception_handler(SaggarError)
    def to_page(request: Request, error: SaggarError) -> Response:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
        if status == 500:
            log.error("%s: %s", request.url.path, error)
        if is_fragment(request):
            return JSONResponse({"error": str(error)}, status)
        return site.page("error.html", request, status, message=str(error), reviewer="")


def _add_entrance(app: FastAPI, site: Site) -> None:
    @app.get("/signin")
    def ask_token(request: Request) -> HTMLResponse:
        return site.page("signin.html", request, reviewer="", wrong=False, wait_s=0)

    @app.post("/signin")
    def sign_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
        address = request.client.host if request.client else ""
        if (wait_s := site.guesses.wait_s(address)) > 0:
            log.warning("sign-in from %s refused: too many wrong tokens", address)
            answer: Response = site.page("signin.html", request, 429, reviewer="", wrong=True, wait_s=round(wait_s))
            answer.headers["Retry-After"] = str(round(wait_s) + 1)
            return answer
        reviewer = owner_of(token.strip(), site.tokens())
        if reviewer is None:
            site.guesses.note(address)
            return site.page("signin.html", request, 403, reviewer="", wrong=True, wait_s=0)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            site.sessions.open(reviewer),
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=site.is_secure(request),
        )
        return answer

    @app.post("/signout")
    def sign_out(request: Request) -> Response:
        if number := request.cookies.get(COOKIE, ""):
            site.sessions.end(number)
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _add_common(app: FastAPI, site: Site) -> None:
    @app.get("/healthz")
    def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.post("/language")
    def choose_language(language: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
        answer = RedirectResponse(back if back.startswith("/") and not back.startswith("//") else "/", 303)
        if language in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=365 * 24 * 3600, samesite="strict")
        return answer

    @app.get("/images/{key:path}")
    def image(key: str, _reviewer: Reviewer) -> Response:
        data = site.store.get(f"images/{key}")
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(data, media_type=media_type_of(key), headers=headers)
