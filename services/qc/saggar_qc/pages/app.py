"""The review pages: sign in, judge, settle, sum up. Rendered here; a small script swaps in the next image."""

from __future__ import annotations

import hmac
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from saggar.describing.shares import wilson
from saggar.errors import InvalidInputError, NotFoundError, SaggarError, UnavailableError, WrongStateError
from saggar.store import media_type_of

from saggar_qc.pages import shown
from saggar_qc.pages.words import LANGUAGES, WORDS, preferred_language, task_name
from saggar_qc.review.journal import Desk, Desks, list_reviews
from saggar_qc.review.outcome import agreement, reviewer_scores
from saggar_qc.review.verdicts import REASONS, Verdict

COOKIE, LANGUAGE_COOKIE = "saggar-token", "saggar-language"
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


class SignedOut(Exception):  # noqa: N818 a state, not a failure
    """No valid token came with the request."""


class Site:
    """What the handlers share: the store, who may come in, and the reviews that are open."""

    def __init__(self, desks: Desks, tokens: Mapping[str, str]) -> None:
        """`tokens`: reviewer -> secret."""
        self.store, self.clock, self.desk = desks.store, desks.clock, desks.desk
        self._tokens = dict(tokens)
        self._recent: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=200))
        self._templates = Environment(
            loader=PackageLoader("saggar_qc.pages"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def reviewer_of(self, token: str) -> str | None:
        """Whose token it is. Every one is compared, so that the time taken tells nothing."""
        found = None
        for reviewer, secret in self._tokens.items():
            if hmac.compare_digest(secret.encode(), token.encode()):
                found = reviewer
        return found

    def page(self, template: str, request: Request, status: int = 200, **values: Any) -> HTMLResponse:
        """A template in the reader's language."""
        language = language_of(request)
        text = self._templates.get_template(template).render(
            w=WORDS[language], language=language, languages=LANGUAGES, path=request.url.path, **values
        )
        return HTMLResponse(text, status)

    def judging(self, request: Request, review_id: str, reviewer: str, note: str = "") -> HTMLResponse:
        """The page, or for the script only its middle, with the next item for `reviewer`."""
        desk = self.desk(review_id)
        item = desk.take(reviewer)
        ledger, now = desk.read(), self.clock()
        page = None
        if item is not None:
            ahead = ledger.following(reviewer, item.item_id, now)
            page = shown.item_page(desk.review, item, ahead, language_of(request))
        return self.page(
            "item.html" if request.headers.get("x-fragment") else "judge.html",
            request,
            reviewer=reviewer,
            review=desk.review,
            item=page,
            progress=self.progress(desk, reviewer),
            note=note,
        )

    def progress(self, desk: Desk, reviewer: str) -> shown.Progress:
        recent = list(self._recent[desk.review.review_id, reviewer])
        return shown.progress(desk.read(), reviewer, self.clock(), recent)

    def judged(self, review_id: str, reviewer: str) -> None:
        """Remembers the moment, for the rate."""
        self._recent[review_id, reviewer].append(self.clock())


def language_of(request: Request) -> str:
    """The cookie's choice, else the browser's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred_language(request.headers.get("accept-language", ""))


def signed_in(request: Request) -> str:
    """The reviewer of the request's cookie; a request that changes something must come from our own pages."""
    site: Site = request.app.state.site
    reviewer = site.reviewer_of(request.cookies.get(COOKIE, ""))
    if reviewer is None:
        raise SignedOut
    return reviewer


Reviewer = Annotated[str, Depends(signed_in)]


def verdict_of(form: Mapping[str, Any]) -> Verdict:
    """The form's fields as a verdict: `is_<task>`, `plausible`, `coherent`, `modern`, `reason`, `comment`.

    Raises InvalidInputError for an unknown answer or reason.
    """
    reason = str(form.get("reason", "")) or None
    if reason is not None and reason not in REASONS:
        raise InvalidInputError(f"there is no reason '{reason}'; use one of {', '.join(REASONS)}")
    try:
        return Verdict.model_validate(
            {
                "attributes": {n.removeprefix("is_"): v for n, v in form.items() if n.startswith("is_")},
                "plausible": form.get("plausible", "") == "yes",
                "coherent": form.get("coherent", "") == "yes",
                "modern": form.get("modern", "") == "yes",
                "reason": reason,
                "comment": str(form.get("comment", "")).strip(),
                "seconds": float(form.get("seconds") or 0),
            }
        )
    except ValueError as error:
        raise InvalidInputError(f"this verdict cannot be read: {error}") from None


def create_app(desks: Desks, tokens: Mapping[str, str]) -> FastAPI:
    """The site over the reviews of `desks` for the reviewers in `tokens` (reviewer -> secret)."""
    app = FastAPI(title="Saggar review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site = Site(desks, tokens)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    _add_errors(app)
    _add_entrance(app, site)
    _add_judging(app, site)
    _add_overview(app, site)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        if request.method == "POST" and origin and origin.split("://")[-1] != host:
            return PlainTextResponse("this request came from another site", 403)
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(SignedOut)
    def to_sign_in(request: Request, _error: SignedOut) -> Response:
        if request.headers.get("x-fragment"):
            return JSONResponse({"error": WORDS[language_of(request)]["sign_in"]}, 401)
        return RedirectResponse("/signin", 303)

    @app.exception_handler(SaggarError)
    def to_page(request: Request, error: SaggarError) -> Response:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
        if status == 500:
            log.error("%s: %s", request.url.path, error)
        if request.headers.get("x-fragment"):
            return JSONResponse({"error": str(error)}, status)
        site: Site = request.app.state.site
        return site.page("error.html", request, status, message=str(error), reviewer="")


def _add_entrance(app: FastAPI, site: Site) -> None:
    @app.get("/healthz")
    def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/signin")
    def ask_token(request: Request) -> HTMLResponse:
        return site.page("signin.html", request, reviewer="", wrong=False)

    @app.post("/signin")
    def sign_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
        if site.reviewer_of(token.strip()) is None:
            return site.page("signin.html", request, 403, reviewer="", wrong=True)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            token.strip(),
            max_age=30 * 24 * 3600,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @app.post("/signout")
    def sign_out() -> Response:
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(COOKIE)
        return answer

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


def _add_judging(app: FastAPI, site: Site) -> None:
    @app.get("/reviews/{review_id}")
    def judge(request: Request, review_id: str, reviewer: Reviewer) -> HTMLResponse:
        return site.judging(request, review_id, reviewer)

    @app.post("/reviews/{review_id}/items/{item_id}")
    async def answer(request: Request, review_id: str, item_id: str, reviewer: Reviewer) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        return await _in_thread(_answer, site, request, review_id, item_id, reviewer, form)

    @app.post("/reviews/{review_id}/undo")
    def undo(request: Request, review_id: str, reviewer: Reviewer) -> Response:
        taken_back = site.desk(review_id).undo(reviewer) is not None
        note = WORDS[language_of(request)]["undone"] if taken_back else ""
        return _next(site, request, review_id, reviewer, note)


def _answer(
    site: Site, request: Request, review_id: str, item_id: str, reviewer: str, form: dict[str, str]
) -> Response:
    desk = site.desk(review_id)
    if form.get("action") == "skip":
        desk.skip(reviewer, item_id)
    else:
        desk.judge(reviewer, item_id, verdict_of(form))
        site.judged(review_id, reviewer)
    return _next(site, request, review_id, reviewer)


def _next(site: Site, request: Request, review_id: str, reviewer: str, note: str = "") -> Response:
    if request.headers.get("x-fragment"):
        return site.judging(request, review_id, reviewer, note)
    return RedirectResponse(f"/reviews/{review_id}", 303)


async def _in_thread(work: Callable[..., Response], *arguments: Any) -> Response:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *arguments)


def _add_overview(app: FastAPI, site: Site) -> None:
    @app.get("/")
    def reviews(request: Request, reviewer: Reviewer) -> HTMLResponse:
        found = []
        for review_id in list_reviews(site.store):
            desk = site.desk(review_id)
            found.append((desk.review, site.progress(desk, reviewer)))
        return site.page("reviews.html", request, reviewer=reviewer, reviews=found)

    @app.get("/reviews/{review_id}/summary")
    def summary(request: Request, review_id: str, reviewer: Reviewer) -> HTMLResponse:
        desk = site.desk(review_id)
        ledger = desk.read()
        found = [ledger.decision(item.item_id) for item in desk.review.asked]
        decided = [decision for decision in found if decision is not None]
        language = language_of(request)
        return site.page(
            "summary.html",
            request,
            reviewer=reviewer,
            review=desk.review,
            progress=site.progress(desk, reviewer),
            passed=wilson(sum(decision[0] != "reject" for decision in decided), len(decided)),
            scores=reviewer_scores(ledger),
            agreements=[
                (WORDS[language].get(each.subject) or task_name(each.subject, language), each)
                for each in agreement(ledger)
            ],
        )

    @app.get("/reviews/{review_id}/verdicts.csv")
    def export(review_id: str, _reviewer: Reviewer) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="verdicts-{review_id}.csv"'}
        text = shown.verdicts_csv(site.desk(review_id).read())
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/reviews/{review_id}/conflicts")
    def conflicts(request: Request, review_id: str, reviewer: Reviewer) -> HTMLResponse:
        desk = site.desk(review_id)
        language = language_of(request)
        found = [
            (shown.item_page(desk.review, standing.item, [], language), standing)
            for standing in desk.read().conflicts()
        ]
        return site.page("conflicts.html", request, reviewer=reviewer, review=desk.review, conflicts=found)

    @app.post("/reviews/{review_id}/conflicts/{item_id}")
    async def settle(request: Request, review_id: str, item_id: str, reviewer: Reviewer) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        return await _in_thread(_settle, site, review_id, item_id, reviewer, form)


def _settle(site: Site, review_id: str, item_id: str, reviewer: str, form: dict[str, str]) -> Response:
    site.desk(review_id).settle(reviewer, item_id, verdict_of(form))
    return RedirectResponse(f"/reviews/{review_id}/conflicts", 303)
