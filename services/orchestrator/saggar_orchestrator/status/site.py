"""What the status pages share: the engine, the other services, and who may look."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from saggar.pages.site import Look, Person, SignedOut
from saggar.pages.site import Site as AnySite

from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.status.stories import Stories
from saggar_orchestrator.status.words import WORDS
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.run import Resources

Value = TypeVar("Value")
_CHINESE_REPORTS = 4

LOOK = Look(
    package="saggar_orchestrator.status",
    styles=("/static/shared/pages.css", "/static/status.css"),
    words=WORDS,
    cookie="saggar-status",
    sessions="sessions/status",
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Who comes in, and where from. `tokens` gives person -> token; `url` is where people reach the pages, `review_url`
    where those of the review are; `open_to_all`: whoever reaches the pages may look, and the signed in may act.
    """

    tokens: Callable[[], Mapping[str, str]]
    url: str = ""
    review_url: str = ""
    open_to_all: bool = True


class Site(AnySite):
    """The pages of one engine. They show what store and database have: each replica shows the same."""

    def __init__(self, engine: Engine, resources: Resources, entry: Entry) -> None:
        super().__init__(LOOK, resources.store, entry.tokens, time.time, entry.url)
        self.engine, self.resources = engine, resources
        self.review_url, self.open_to_all = entry.review_url.rstrip("/"), entry.open_to_all
        self.stories = Stories(engine)
        self._remembered: dict[str, Any] = {}
        self._chinese: OrderedDict[str, str] = OrderedDict()

    @property
    def peers(self) -> Peers:
        return self.resources.peers

    def show(self, template: str, request: Request, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for whoever asks, with what they may do."""
        return self.page(template, request, status, person=self.person(request), **values)

    def remembered(self, name: str, read: Callable[[], Value]) -> Value:
        """What `read` gives, which never changes, read once."""
        if name not in self._remembered:
            self._remembered[name] = read()
        found: Value = self._remembered[name]
        return found

    def chinese_report(self, version: str, draw: Callable[[], str]) -> str:
        """The last few are kept: one takes a second to draw."""
        if version not in self._chinese:
            self._chinese[version] = draw()
        self._chinese.move_to_end(version)
        html = self._chinese[version]
        while len(self._chinese) > _CHINESE_REPORTS:
            self._chinese.popitem(last=False)
        return html

    def knows(self, host: str) -> bool:
        """Whether a request's Host is an address of ours. A name that somebody else points at this machine is not: with
        it, any web page could read what is open to all who reach the port.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name == (urlsplit(self.url).hostname or None):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def allowed_to_look(request: Request) -> str:
    """The person who looks; empty for somebody unknown, where these may."""
    site: Site = request.app.state.site
    person = site.person(request)
    if not (person or site.open_to_all):
        raise SignedOut
    return person


Reader = Annotated[str, Depends(allowed_to_look)]
Actor = Person
