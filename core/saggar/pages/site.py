"""What the pages of one service share: the store, who may come in, the templates, and the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from saggar.pages.access import Guesses, Sessions
from saggar.pages.words import LANGUAGES, preferred_language, words_of
from saggar.store import ObjectStore

LANGUAGE_COOKIE = "saggar-language"


class SignedOut(Exception):  # noqa: N818 a state, not a failure
    """No valid session came with the request."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is a service's own: its templates and styles beside the shared ones, its words, its cookie.

    Cookies do not know ports: services on one machine need cookies, and folders of sessions, of different names.
    """

    package: str  # that has `templates`
    styles: tuple[str, ...]  # addresses
    words: Mapping[str, Mapping[str, str]]  # language -> name -> text; `title` and `token_hint` among them
    cookie: str
    sessions: str = "sessions"  # folder of the store


def with_code(text: str) -> Markup:
    """What stands between backticks as code, all else as text."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 it is escaped  # nosec B704


class Site:
    """The store, who may come in, and how pages look."""

    def __init__(
        self,
        look: Look,
        store: ObjectStore,
        tokens: Callable[[], Mapping[str, str]],
        clock: Callable[[], float],
        url: str = "",
    ) -> None:
        """`tokens` gives person -> token; `url`: where people reach the pages, if not at the server's own."""
        self.look, self.store, self.tokens, self.clock, self.url = look, store, tokens, clock, url
        self.sessions = Sessions(store, tokens, clock, look.sessions)
        self.guesses = Guesses(clock)
        self.templates = Environment(
            loader=ChoiceLoader([PackageLoader(look.package), PackageLoader("saggar.pages")]),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters["with_code"] = with_code

    def page(self, template: str, request: Request, status: int = 200, **values: Any) -> HTMLResponse:
        """A template in the reader's language."""
        language = language_of(request)
        text = self.templates.get_template(template).render(
            w=words_of(language, self.look.words),
            language=language,
            languages=LANGUAGES,
            styles=self.look.styles,
            path=request.url.path,
            **values,
        )
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    def person(self, request: Request) -> str:
        """Of the request's session; empty where there is none."""
        return self.sessions.person_of(request.cookies.get(self.look.cookie, "")) or ""

    def is_secure(self, request: Request) -> bool:
        """Whether the browser speaks TLS, to this server or to one before it."""
        forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
        return "https" in (request.url.scheme, forwarded, urlsplit(self.url).scheme)

    def is_own(self, origin: str, request: Request) -> bool:
        """Whether a page of this site sent the request."""
        hosts = {request.headers.get("host", ""), urlsplit(self.url).netloc}
        try:
            return urlsplit(origin).netloc in hosts - {""}
        except ValueError:  # no address at all: http://[
            return False


def language_of(request: Request) -> str:
    """The cookie's choice, else the browser's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred_language(request.headers.get("accept-language", ""))


def signed_in(request: Request) -> str:
    """The person of the request's session."""
    site: Site = request.app.state.site
    if not (person := site.person(request)):
        raise SignedOut
    return person


Person = Annotated[str, Depends(signed_in)]


async def in_thread(work: Callable[..., Response], *arguments: Any) -> Response:
    """Runs what reads the store away from the event loop."""
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *arguments)


def is_fragment(request: Request) -> bool:
    """Whether the script asks for the middle of the page only."""
    return bool(request.headers.get("x-fragment"))
