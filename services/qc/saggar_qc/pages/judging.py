"""The page on which images are judged, and what its forms send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from saggar.errors import InvalidInputError, NotFoundError
from saggar.pages.forms import fields_of
from saggar.pages.site import in_thread, is_fragment, language_of
from saggar.pages.words import WORDS as SHARED
from saggar.pages.words import task_name

from saggar_qc.pages import shown
from saggar_qc.pages.site import Reviewer, Site, to_review
from saggar_qc.pages.words import GUIDELINES, WORDS
from saggar_qc.review.journal import Desk, list_reviews
from saggar_qc.review.verdicts import REASONS, Verdict

_NUMBER_LENGTH = 20
_SHOWN = 40  # characters of a field
_OF_A_VERDICT = frozenset({"plausible", "coherent", "modern", "reason", "seconds"})


def add_judging(app: FastAPI, site: Site) -> None:
    """The routes of judging: the next image, one again, a verdict, the last one taken back."""

    @app.get("/reviews/{review_id}")
    def judge(request: Request, review_id: str, reviewer: Reviewer) -> HTMLResponse:
        return _next_image(site, request, review_id, reviewer)

    @app.get("/reviews/{review_id}/items")
    def jump(review_id: str, reviewer: Reviewer, n: int = 1) -> RedirectResponse:
        judged = site.desk(review_id).read().judged_by(reviewer)
        if not 1 <= n <= len(judged):
            raise NotFoundError(f"you have judged {len(judged)} images; there is no number {n}")
        return RedirectResponse(f"/reviews/{review_id}/items/{judged[n - 1].item.item_id}", 303)

    @app.get("/reviews/{review_id}/items/{item_id}")
    def again(request: Request, review_id: str, item_id: str, reviewer: Reviewer) -> HTMLResponse:
        desk = site.desk(review_id)
        item = desk.open_item(reviewer, item_id)
        page = shown.item_page(desk.read(), item, language_of(request), reader=reviewer)
        return _judging(site, request, desk, reviewer, page)

    @app.post("/reviews/{review_id}/items/{item_id}")
    async def answer(request: Request, review_id: str, item_id: str, reviewer: Reviewer) -> Response:
        form = await fields_of(request)
        return await in_thread(_answer, site, request, review_id, item_id, reviewer, form)

    @app.post("/reviews/{review_id}/undo")
    def undo(request: Request, review_id: str, reviewer: Reviewer) -> Response:
        taken_back = site.desk(review_id).undo(reviewer) is not None
        note = WORDS[language_of(request)]["undone"] if taken_back else ""
        return _following(site, request, review_id, reviewer, note)


def verdict_of(form: Mapping[str, Any]) -> Verdict:
    """The form's fields as a verdict: `is_<task>`, `plausible`, `coherent`, `modern`, `reason`, `comment`.

    Raises InvalidInputError for an unknown answer or reason, and for a form without any of them: an empty body, or one
    of another content type, would be a rejection.
    """
    if not form.keys() & _OF_A_VERDICT and not any(name.startswith("is_") for name in form):
        raise InvalidInputError("the form has no verdict in it; load the page again, or send it as a form")
    for name in ("plausible", "coherent", "modern"):
        if (said := form.get(name, "")) not in {"yes", "no", ""}:
            raise InvalidInputError(f"this verdict cannot be read: {name} is '{said[:_SHOWN]}'; it is yes or no")
    reason = str(form.get("reason", "")) or None
    if reason is not None and reason not in REASONS:
        raise InvalidInputError(f"there is no reason '{reason}'; use one of {', '.join(REASONS)}")
    try:
        return Verdict.model_validate(
            {
                "attributes": {name[3:]: value for name, value in form.items() if name.startswith("is_")},
                "plausible": form.get("plausible") == "yes",
                "coherent": form.get("coherent") == "yes",
                "modern": form.get("modern") == "yes",
                "reason": reason,
                "comment": form.get("comment", ""),
                "seconds": float(str(form.get("seconds") or 0)[:_NUMBER_LENGTH]),
            }
        )
    except ValidationError as error:
        problems = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise InvalidInputError(f"this verdict cannot be read: {problems}") from None
    except ValueError:
        raise InvalidInputError("this verdict cannot be read: seconds is not a number") from None


def _answer(
    site: Site, request: Request, review_id: str, item_id: str, reviewer: str, form: dict[str, str]
) -> Response:
    desk = site.desk(review_id)
    match form.get("action", "judge"):
        case "skip":
            desk.skip(reviewer, item_id)
        case "accept":
            labels = desk.read().standing(item_id).item.labels
            kept = {"comment": form.get("comment", ""), "seconds": form.get("seconds", "0")}
            right = {f"is_{task}": "right" for task in labels} | {"plausible": "yes", "coherent": "yes"}
            desk.judge(reviewer, item_id, verdict_of(kept | right))
            site.judged(review_id, reviewer)
        case "revise":
            desk.revise(reviewer, item_id, verdict_of(form))
            return Response(status_code=204) if is_fragment(request) else to_review(f"{review_id}/judged")
        case "judge":
            desk.judge(reviewer, item_id, verdict_of(form))
            site.judged(review_id, reviewer)
        case other:
            raise InvalidInputError(f"there is no action '{other[:_SHOWN]}'; use judge, accept, revise or skip")
    return _following(site, request, review_id, reviewer)


def _following(site: Site, request: Request, review_id: str, reviewer: str, note: str = "") -> Response:
    if is_fragment(request):
        return _next_image(site, request, review_id, reviewer, note)
    return to_review(review_id)


def _next_image(site: Site, request: Request, review_id: str, reviewer: str, note: str = "") -> HTMLResponse:
    """The page, or for the script only its middle, with the next image for `reviewer`."""
    desk = site.desk(review_id)
    item = desk.take(reviewer)
    if item is None:
        return _judging(site, request, desk, reviewer, None, note)
    ledger = desk.read()
    ahead = ledger.following(reviewer, item.item_id, site.clock())
    page = shown.item_page(ledger, item, language_of(request), ahead)
    return _judging(site, request, desk, reviewer, page, note)


def _judging(
    site: Site, request: Request, desk: Desk, reviewer: str, page: shown.ItemPage | None, note: str = ""
) -> HTMLResponse:
    language = language_of(request)
    settings = desk.review.settings
    return site.page(
        "item.html" if is_fragment(request) else "judge.html",
        request,
        person=reviewer,
        review=desk.review,
        item=page,
        progress=site.progress(desk, reviewer),
        note=note,
        left_out=desk.read().is_left_out(reviewer),
        more=[] if page is not None else _more(site, desk, reviewer),
        keys="".join(shown.label_keys(desk.review.tasks).values()),
        tasks=SHARED[language]["between"].join(task_name(task, language) for task in desk.review.tasks),
        guidelines=settings.guidelines.splitlines() if settings.guidelines.strip() else GUIDELINES[language],
    )


def _more(site: Site, finished: Desk, reviewer: str) -> list[tuple[str, int]]:
    """Other reviews of the same experiment that have images for `reviewer`: id, and how many are left."""
    found = []
    for review_id in list_reviews(site.store) if finished.review.experiment else []:
        if review_id == finished.review.review_id:
            continue
        desk = site.desk(review_id)
        ledger = desk.read()
        if desk.review.experiment == finished.review.experiment and not ledger.may_see_all(reviewer):
            found.append((review_id, ledger.left))
    return found
