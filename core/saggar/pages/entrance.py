"""What every site begins with: refusals, headers, errors as pages, the entrance, the choice of language."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from saggar.errors import InvalidInputError, NotFoundError, SaggarError, UnavailableError, WrongStateError
from saggar.pages.access import SESSION_S, owner_of
from saggar.pages.site import LANGUAGE_COOKIE, SignedOut, Site, is_fragment, language_of
from saggar.pages.words import LANGUAGES, WORDS

_STATUS: dict[type[SaggarError], int] = {
    InvalidInputError: 400,
    NotFoundError: 404,
    WrongStateError: 409,
    UnavailableError: 503,
}
_SAID = {404: "there is no such page; check the address", 405: "this address does not take such a request"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

log = logging.getLogger(__name__)


def create_site(site: Site, title: str) -> FastAPI:
    """An application with the entrance alone; `site` is its state's."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.mount("/static/shared", StaticFiles(directory=Path(str(resources.files("saggar.pages") / "static"))))
    app.mount("/static", StaticFiles(directory=Path(str(resources.files(site.look.package) / "static"))))
    _add_guard(app, site)
    _add_errors(app, site)
    _add_entrance(app, site)
    _add_common(app)
    return app


def _add_guard(app: FastAPI, site: Site) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        origin = request.headers.get("origin")
        foreign = not site.is_own(origin, request) if origin else request.headers.get("sec-fetch-site") == "cross-site"
        if request.method == "POST" and foreign:
            return PlainTextResponse("this request came from another site", 403)
        response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _add_errors(app: FastAPI, site: Site) -> None:
    @app.exception_handler(SignedOut)
    def to_sign_in(request: Request, _error: SignedOut) -> Response:
        if is_fragment(request):
            return JSONResponse({"error": WORDS[language_of(request)]["sign_in"]}, 401)
        return RedirectResponse("/signin", 303)

    def to_page(request: Request, message: str, status: int) -> Response:
        if is_fragment(request):
            return JSONResponse({"error": message}, status)
        return site.page("error.html", request, status, message=message, person="")

    @app.exception_handler(SaggarError)
    def of_ours(request: Request, error: SaggarError) -> Response:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
        if status == 500:
            log.error("%s: %s", request.url.path, error)
        return to_page(request, str(error), status)

    @app.exception_handler(RequestValidationError)
    def of_a_field(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return to_page(request, f"{first['loc'][-1]}: {first['msg']}; correct the address, or load the page again", 400)

    @app.exception_handler(HTTPException)
    def of_the_framework(request: Request, error: HTTPException) -> Response:
        answer = to_page(request, _SAID.get(error.status_code, error.detail), error.status_code)
        answer.headers.update(error.headers or {})
        return answer


def _add_entrance(app: FastAPI, site: Site) -> None:
    @app.get("/signin")
    def ask_token(request: Request) -> HTMLResponse:
        return site.page("signin.html", request, person="", wrong=False, wait_s=0)

    @app.post("/signin")
    def sign_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
        address = request.client.host if request.client else ""
        if (wait_s := site.guesses.wait_s(address)) > 0:
            log.warning("sign-in from %s refused: too many wrong tokens", address)
            answer: Response = site.page("signin.html", request, 429, person="", wrong=True, wait_s=round(wait_s))
            answer.headers["Retry-After"] = str(round(wait_s) + 1)
            return answer
        person = owner_of(token.strip(), site.tokens())
        if person is None:
            site.guesses.note(address)
            return site.page("signin.html", request, 403, person="", wrong=True, wait_s=0)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            site.look.cookie,
            site.sessions.open(person),
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=site.is_secure(request),
        )
        return answer

    @app.post("/signout")
    def sign_out(request: Request) -> Response:
        if number := request.cookies.get(site.look.cookie, ""):
            site.sessions.end(number)
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(site.look.cookie)
        return answer


def _add_common(app: FastAPI) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"])  # some load balancers ask for the head alone
    def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.post("/language")
    def choose_language(language: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/") -> Response:
        own = back.startswith("/") and not back.startswith(("//", "/\\"))
        answer = RedirectResponse(back if own else "/", 303)
        if language in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=365 * 24 * 3600, samesite="strict")
        return answer
