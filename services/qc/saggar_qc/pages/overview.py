"""The pages around judging: all reviews, what was judged, the summary, conflicts, and the table for download."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from saggar.errors import WrongStateError
from saggar.pages.forms import fields_of
from saggar.pages.site import in_thread, language_of
from saggar.pages.words import WORDS as SHARED
from saggar.pages.words import task_name

from saggar_qc.pages import shown
from saggar_qc.pages.judging import verdict_of
from saggar_qc.pages.site import Reviewer, Site
from saggar_qc.pages.words import WORDS
from saggar_qc.review.agreement import agreement
from saggar_qc.review.journal import list_reviews
from saggar_qc.review.outcome import attribute_shares, class_standings, pass_rate

_TILES = 60  # on a page of the gallery


def add_overview(app: FastAPI, site: Site) -> None:
    """The routes around judging."""

    @app.get("/")
    def reviews(request: Request, reviewer: Reviewer) -> HTMLResponse:
        desks = [site.desk(review_id) for review_id in list_reviews(site.store)]
        found = [(desk.review, site.progress(desk, reviewer), desk.read().may_see_all(reviewer)) for desk in desks]
        return site.page("reviews.html", request, person=reviewer, reviews=found)

    @app.get("/reviews/{review_id}/judged")
    def judged(
        request: Request, review_id: str, reviewer: Reviewer, decision: str = "", label: str = "", page: int = 1
    ) -> HTMLResponse:
        return _gallery(site, request, review_id, reviewer, (decision, label, page))

    @app.get("/reviews/{review_id}/summary")
    def summary(request: Request, review_id: str, reviewer: Reviewer) -> HTMLResponse:
        return _summary(site, request, review_id, reviewer)

    @app.get("/reviews/{review_id}/verdicts.csv")
    def export(review_id: str, reviewer: Reviewer) -> Response:
        headers = {
            "Content-Disposition": f'attachment; filename="verdicts-{review_id}.csv"',
            "Cache-Control": "no-store",
        }
        text = shown.verdicts_csv(site.desk(review_id).read(), reviewer)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/reviews/{review_id}/conflicts")
    def conflicts(request: Request, review_id: str, reviewer: Reviewer) -> HTMLResponse:
        desk = site.desk(review_id)
        ledger, language = desk.read(), language_of(request)
        _refuse_the_blind(site, review_id, reviewer, language)
        found = [(shown.item_page(ledger, each.item, language), each) for each in ledger.conflicts()]
        return site.page("conflicts.html", request, person=reviewer, review=desk.review, conflicts=found)

    @app.post("/reviews/{review_id}/conflicts/{item_id}")
    async def settle(request: Request, review_id: str, item_id: str, reviewer: Reviewer) -> Response:
        form = await fields_of(request)
        return await in_thread(_settle, site, request, (review_id, item_id, reviewer), form)


def _refuse_the_blind(site: Site, review_id: str, reviewer: str, language: str) -> None:
    if not site.desk(review_id).read().may_see_all(reviewer):
        raise WrongStateError(WORDS[language]["first_judge"])


def _settle(site: Site, request: Request, about: tuple[str, str, str], form: dict[str, str]) -> Response:
    review_id, item_id, reviewer = about
    _refuse_the_blind(site, review_id, reviewer, language_of(request))
    site.desk(review_id).settle(reviewer, item_id, verdict_of(form))
    return RedirectResponse(f"/reviews/{review_id}/conflicts", 303)


def _gallery(site: Site, request: Request, review_id: str, reviewer: str, chosen: tuple[str, str, int]) -> HTMLResponse:
    desk, language = site.desk(review_id), language_of(request)
    ledger, (decision, label, page) = desk.read(), chosen
    everything = shown.tiles(ledger, reviewer, language)
    claims = sorted({claim for tile in everything for claim in tile.labels.items()})
    found = [
        tile
        for tile in everything
        if decision in ("", tile.decision, "unsure" if tile.unsure else "")
        and (not label or label in {f"{task}:{code}" for task, code in tile.labels.items()})
    ]
    pages = max(1, -(-len(found) // _TILES))
    page = min(max(1, page), pages)
    colon = SHARED[language]["colon"]
    return site.page(
        "judged.html",
        request,
        person=reviewer,
        review=desk.review,
        tiles=found[(page - 1) * _TILES : page * _TILES],
        count=len(found),
        total=len(everything),
        number=page,
        pages=pages,
        decision=decision,
        label=label,
        labels=[
            (f"{task}:{code}", colon.join((task_name(task, language), shown.named(desk.review, task, code, language))))
            for task, code in claims
        ],
    )


def _summary(site: Site, request: Request, review_id: str, reviewer: str) -> HTMLResponse:
    """All of it for a reviewer who has finished; until then what they did themselves."""
    desk, language = site.desk(review_id), language_of(request)
    ledger = desk.read()
    whole = ledger.may_see_all(reviewer)
    words = WORDS[language]
    standings = class_standings(ledger, None if whole else reviewer)

    def subject(name: str) -> str:
        return words.get(name) or task_name(name, language)

    return site.page(
        "summary.html",
        request,
        person=reviewer,
        review=desk.review,
        progress=site.progress(desk, reviewer),
        whole=whole,
        passed=pass_rate(ledger) if whole else None,
        classes=shown.class_rows(desk.review, standings, language),
        scores=[ledger.score_of(name) for name in ledger.reviewers] if whole else [],
        left_out=[name for name in ledger.reviewers if ledger.is_left_out(name)],
        shares=[(subject(each.subject), each) for each in attribute_shares(ledger)] if whole else [],
        agreements=[(subject(each.subject), each) for each in agreement(ledger)] if whole else [],
    )
