"""Reviews of experiments that nobody runs any more, closed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from saggar.errors import SaggarError

from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.workflow.database.open_reviews import OpenReviews
from saggar_orchestrator.workflow.steps.synthetic.judging import close_review

log = logging.getLogger(__name__)


class ReviewCloser:
    """Closes what cancelled and deleted experiments waited for people with."""

    def __init__(self, reviews: OpenReviews, peers: Peers) -> None:
        self._reviews, self._peers = reviews, peers

    def close(self, identity: str) -> None:
        """Every open review of an experiment; one that qc cannot close now stays for `close_all`."""
        reviews = self._reviews.of(identity)
        for review in reviews.all():
            try:
                close_review(self._peers, review)
            except SaggarError as error:
                log.warning("a review of %s stays open for now: %s", identity, error)
            else:
                reviews.ended(review.request)

    def close_all(self, is_over: Callable[[str], bool]) -> None:
        """Those of all experiments that are over."""
        for identity in self._reviews.experiments():
            if is_over(identity):
                self.close(identity)
