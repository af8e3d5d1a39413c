"""Models, data sets and reviews: what there is of each, and which model serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from saggar.errors import SaggarError
from saggar.store import ObjectStore
from saggar.v1 import qc_pb2

from saggar_orchestrator.peers.models import activate, active_model, known_models
from saggar_orchestrator.status.site import Actor, Reader, Site
from saggar_orchestrator.workflow.collections import Collection, imported, summary

_PATIENCE_S = 3.0


@dataclass(frozen=True)
class ReviewRow:
    """A review, and how far it is as the qc service says it. `state`: open, finished, closed or unknown."""

    identity: str
    title: str
    experiment: str
    images: int
    left: int
    state: str
    problem: str
    url: str  # empty where the review pages' address is not known


def add_lists(app: FastAPI, site: Site) -> None:
    """Routes of the three lists."""

    @app.get("/models")
    def models(request: Request, _reader: Reader) -> HTMLResponse:
        known, active = known_models(site.store), active_model(site.store)
        lost = active if active not in {model.model_id for model in known} else ""
        return site.show("models.html", request, models=known, active=active, lost=lost)

    @app.post("/models/{model_id}/activate")
    def make_active(model_id: str, _actor: Actor) -> RedirectResponse:
        activate(site.store, site.peers, model_id)
        return RedirectResponse("/models", 303)

    @app.get("/datasets")
    def datasets(request: Request, _reader: Reader) -> HTMLResponse:
        return site.show("datasets.html", request, collections=collections_of(site))

    @app.get("/reviews")
    def reviews(request: Request, _reader: Reader) -> HTMLResponse:
        return site.show("reviews.html", request, reviews=reviews_of(site), review_url=site.review_url)


def collections_of(site: Site) -> list[Collection]:
    """Data sets that were imported. What is in one never changes, so each is read once."""

    def remembered(identity: str) -> Collection:
        found: Collection = site.remembered(f"datasets/{identity}", partial(summary, site.store, identity))
        return found

    return imported(site.store, remembered)


def reviews_of(site: Site, experiment: str = "") -> list[ReviewRow]:
    """All reviews, or those of one experiment; a qc service that does not answer is asked once."""
    found, problem = [], ""
    for identity, review in _stored_reviews(site):
        if experiment and review.get("experiment", "") != experiment:
            continue
        row, problem = _row(site, identity, review, problem)
        found.append(row)
    return found


def _stored_reviews(site: Site) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in site.store.list("reviews/"):
        _, identity, *rest = key.split("/")
        if rest == ["review.json"]:
            yield identity, site.remembered(key, partial(_of_review, site.store, key))


def _of_review(store: ObjectStore, key: str) -> dict[str, Any]:
    review = json.loads(store.get(key))
    return {"title": review["title"], "experiment": review.get("experiment", ""), "images": len(review["items"])}


def _row(site: Site, identity: str, review: dict[str, Any], problem: str) -> tuple[ReviewRow, str]:
    state, left = "unknown", 0
    if not problem:
        try:
            request = qc_pb2.DescribeReviewRequest(review_id=identity)
            standing = site.peers.call("qc", "DescribeReview", request, _PATIENCE_S)
        except SaggarError as error:
            problem = str(error)
        else:
            left = standing.left
            state = "closed" if standing.closed else "finished" if standing.finished else "open"
    url = f"{site.review_url}/reviews/{identity}" if site.review_url else ""
    row = ReviewRow(identity, review["title"], review["experiment"], review["images"], left, state, problem, url)
    return row, problem
