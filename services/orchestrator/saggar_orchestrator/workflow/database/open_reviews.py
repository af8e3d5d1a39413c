"""Reviews that experiments wait for, noted before they are opened: a cancelled experiment's are closed whenever it is
cancelled, also while its orchestrator is away or has not yet come back to them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from saggar.v1 import qc_pb2

from saggar_orchestrator.workflow.database.connecting import connect, tables

_reviews = sa.Table(
    "saggar_open_reviews",
    tables,
    sa.Column("experiment", sa.String(120), primary_key=True),
    sa.Column("request_hash", sa.String(64), primary_key=True),
    sa.Column("request", sa.Text, nullable=False),  # qc_pb2.OpenReviewRequest, in base64
    sa.Column("review", sa.String(120), nullable=False),  # empty: it is not known whether it came to be opened
)


@dataclass(frozen=True)
class OpenReview:
    """A review that was asked for; `review_id` is empty where the answer is not known."""

    request: qc_pb2.OpenReviewRequest
    review_id: str


class OpenReviews:
    """The open reviews of all experiments of a workflow database. Safe for many threads."""

    def __init__(self, database_url: str) -> None:
        self._engine = connect(database_url)

    def close(self) -> None:
        self._engine.dispose()

    def of(self, experiment: str) -> ReviewsOf:
        """Those that an experiment has asked for and not ended."""
        return ReviewsOf(self._engine, experiment)

    def experiments(self) -> Sequence[str]:
        """Those that have any."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(_reviews.c.experiment).distinct()).scalars().all()


class ReviewsOf:
    """The open reviews of one experiment."""

    def __init__(self, engine: sa.Engine, experiment: str) -> None:
        self._engine, self._experiment = engine, experiment

    def asked(self, request: qc_pb2.OpenReviewRequest) -> None:
        """Notes that a review is about to be opened, or opened again."""
        row = {
            "experiment": self._experiment,
            "request_hash": _hash(request),
            "request": base64.b64encode(request.SerializeToString(deterministic=True)).decode(),
            "review": "",
        }
        with contextlib.suppress(sa.exc.IntegrityError), self._engine.begin() as connection:  # it was noted before
            connection.execute(sa.insert(_reviews).values(row))

    def opened(self, request: qc_pb2.OpenReviewRequest, review_id: str) -> None:
        """Notes under which id it was opened."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(_reviews).where(*self._row(request)).values(review=review_id))

    def ended(self, request: qc_pb2.OpenReviewRequest) -> None:
        """It is concluded, or closed."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_reviews).where(*self._row(request)))

    def all(self) -> tuple[OpenReview, ...]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_reviews).where(_reviews.c.experiment == self._experiment)).all()
        return tuple(
            OpenReview(qc_pb2.OpenReviewRequest.FromString(base64.b64decode(row.request)), row.review) for row in rows
        )

    def _row(self, request: qc_pb2.OpenReviewRequest) -> tuple[sa.ColumnElement[bool], ...]:
        return _reviews.c.experiment == self._experiment, _reviews.c.request_hash == _hash(request)


def _hash(request: qc_pb2.OpenReviewRequest) -> str:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
