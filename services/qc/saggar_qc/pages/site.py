"""What the pages share: the reviews, the templates, and the reader's language."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from saggar_qc.pages import shown
from saggar_qc.pages.access import Guesses, Sessions
from saggar_qc.pages.words import LANGUAGES, WORDS, preferred_language
from saggar_qc.review.journal import Desk, Desks

COOKIE, LANGUAGE_COOKIE = "saggar-session", "saggar-language"


class SignedOut(Exception):  # noqa: N818 a state, not a failure
    """No valid session came with the request."""


class Site:
    """What the pages share: the store, who may come in, and the reviews that are open."""

    def __init__(self, desks: Desks, tokens: Callable[[], Mapping[str, str]], url: str = "") -> None:
        """`tokens` gives reviewer -> token; `url`: where people reach the pages, if not at the server's own."""
        self.store, self.clock, self.desk = desks.store, desks.clock, desks.desk
        self.tokens = tokens
        self.url = url
        self.sessions = Sessions(desks.store, tokens, desks.clock)
        self.guesses = Guesses(desks.clock)
        self._recent: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=200))
        self._templates = Environment(
            loader=PackageLoader("saggar_qc.pages"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, template: str, request: Request, status: int = 200, **values: Any) -> HTMLResponse:
        """A template in the reader's language."""
        language = language_of(request)
        text = self._templates.get_template(template).render(
            w=WORDS[language], language=language, languages=LANGUAGES, path=request.url.path, **values
        )
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    def progress(self, desk: Desk, reviewer: str) -> shown.Progress:
        recent = list(self._recent[desk.review.review_id, reviewer])
        return shown.progress(desk.read(), reviewer, self.clock(), recent)

    def judged(self, review_id: str, reviewer: str) -> None:
        """Remembers the moment, for the rate."""
        self._recent[review_id, reviewer].append(self.clock())

    def is_secure(self, request: Request) -> bool:
        """Whether the browser speaks TLS, to this server or to one before it."""
        forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
        return "https" in (request.url.scheme, forwarded, urlsplit(self.url).scheme)

    def is_own(self, origin: str, request: Request) -> bool:
        """Whether a page of this site sent the request."""
        hosts = {request.headers.get("host", ""), urlsplit(self.url).netloc}
        return urlsplit(origin).netloc in hosts - {""}


def language_of(request: Request) -> str:
    """The cookie's choice, else the browser's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred_language(request.headers.get("accept-language", ""))


def signed_in(request: Request) -> str:
    """The reviewer of the request's session."""
    site: Site = request.app.state.site
    reviewer = site.sessions.reviewer_of(request.cookies.get(COOKIE, ""))
    if reviewer is None:
        raise SignedOut
    return reviewer


Reviewer = Annotated[str, Depends(signed_in)]


async def in_thread(work: Callable[..., Response], *arguments: Any) -> Response:
    """Runs what reads the store away from the event loop."""
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *arguments)


def is_fragment(request: Request) -> bool:
    """Whether the script asks for the middle of the page only."""
    return bool(request.headers.get("x-fragment"))


def to_review(review_id: str) -> RedirectResponse:
    return RedirectResponse(f"/reviews/{review_id}", 303)
