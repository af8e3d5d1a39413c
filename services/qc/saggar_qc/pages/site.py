"""What the review pages share: the reviews that are open, and each reviewer's pace."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from fastapi.responses import RedirectResponse
from saggar.pages.site import Look, Person
from saggar.pages.site import Site as AnySite

from saggar_qc.pages import shown
from saggar_qc.pages.words import WORDS
from saggar_qc.review.journal import Desk, Desks

LOOK = Look(
    package="saggar_qc.pages",
    styles=("/static/shared/pages.css", "/static/review.css"),
    words=WORDS,
    cookie="saggar-session",
)
Reviewer = Person


class Site(AnySite):
    """The site of the reviews of a store."""

    def __init__(self, desks: Desks, tokens: Callable[[], Mapping[str, str]], url: str = "") -> None:
        """`tokens` gives reviewer -> token; `url`: where people reach the pages, if not at the server's own."""
        super().__init__(LOOK, desks.store, tokens, desks.clock, url)
        self.desk = desks.desk
        self._recent: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=200))

    def progress(self, desk: Desk, reviewer: str) -> shown.Progress:
        recent = list(self._recent[desk.review.review_id, reviewer])
        return shown.progress(desk.read(), reviewer, self.clock(), recent)

    def judged(self, review_id: str, reviewer: str) -> None:
        """Remembers the moment, for the rate."""
        self._recent[review_id, reviewer].append(self.clock())


def to_review(review_id: str) -> RedirectResponse:
    return RedirectResponse(f"/reviews/{review_id}", 303)
