"""The list of experiments, and the page of one: how it stands, what came of it, and what may be done with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from saggar.errors import DataCorruptionError, NotFoundError
from saggar.pages.site import is_fragment, language_of
from saggar.store import media_type_of

from saggar_orchestrator.experiment.results_file import read_results
from saggar_orchestrator.explanations.cases import explain_cases
from saggar_orchestrator.pages.language import language
from saggar_orchestrator.pages.redrawn import redrawn
from saggar_orchestrator.status import shown
from saggar_orchestrator.status.lists import reviews_of
from saggar_orchestrator.status.site import Actor, Reader, Site
from saggar_orchestrator.workflow.stored import ExperimentView, read_specification

# A report is a page of its own, made of what people wrote: it may draw itself, and do nothing in this site's name.
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'none'; sandbox allow-scripts allow-popups"
)


def add_experiments(app: FastAPI, site: Site) -> None:
    """Routes of experiments that are there."""

    @app.get("/")
    def experiments(request: Request, _reader: Reader) -> HTMLResponse:
        found = []
        for view in site.engine.list():
            story = site.stories.of(view.experiment_id) if view.state == "running" else None
            steps = story.ordered() if story else []
            finished = sum(step.state in {"succeeded", "reused"} for step in steps)
            took = shown.duration(view.seconds, language_of(request))
            headline = _headline(site, view, language_of(request))
            found.append((view, finished, len(steps), took, headline))
        return site.show("experiments.html", request, experiments=found)

    @app.get("/experiments/{identity}")
    def experiment(request: Request, identity: str, _reader: Reader) -> HTMLResponse:
        return _page(site, request, identity)

    @app.get("/experiments/{identity}/report")
    def report(request: Request, identity: str, _reader: Reader) -> Response:
        key = f"experiments/{identity}/report.html"
        if not site.store.exists(key):
            raise NotFoundError(f"experiment {identity} has no report yet", identity)
        if language_of(request) == "zh":
            version = f"{identity}:{site.store.stat(key).sha256}"  # one that was deleted and run again is another
            explain = partial(explain_cases, site.store)
            html = site.chinese_report(version, lambda: redrawn(site.store, _results(site, identity), "zh", explain))
        else:
            html = site.store.get(key).decode()
        return HTMLResponse(html, headers={"Content-Security-Policy": _REPORT_POLICY, "Cache-Control": "no-store"})

    @app.get("/experiments/{identity}/results.json")
    def results(identity: str, _reader: Reader) -> Response:
        data = site.store.get(f"experiments/{identity}/results.json")
        headers = {"Content-Disposition": f'attachment; filename="{identity}.json"', "Cache-Control": "no-store"}
        return Response(data, media_type=media_type_of("results.json"), headers=headers)

    @app.get("/experiments/{identity}/experiment.yaml")
    def file(identity: str, _reader: Reader) -> Response:
        text = read_specification(site.store, identity).text
        headers = {"Content-Disposition": f'attachment; filename="{identity}.yaml"', "Cache-Control": "no-store"}
        return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)

    _add_actions(app, site)


def _add_actions(app: FastAPI, site: Site) -> None:
    def act(identity: str, action: Callable[[str], Any], leads_to: str) -> RedirectResponse:
        action(identity)
        return RedirectResponse(leads_to, 303)

    @app.post("/experiments/{identity}/cancel")
    def cancel(identity: str, _actor: Actor) -> RedirectResponse:
        return act(identity, site.engine.cancel, f"/experiments/{identity}")

    @app.post("/experiments/{identity}/resume")
    def resume(identity: str, _actor: Actor) -> RedirectResponse:
        return act(identity, site.engine.resume, f"/experiments/{identity}")

    @app.post("/experiments/{identity}/delete")
    def delete(identity: str, _actor: Actor) -> RedirectResponse:
        site.stories.forget(identity)
        return act(identity, site.engine.delete, "/")


def _page(site: Site, request: Request, identity: str) -> HTMLResponse:
    """The page, or for the script only what changes."""
    view = site.engine.describe(identity)
    specification = read_specification(site.store, identity)
    results = _results(site, identity) if view.state == "succeeded" else None
    code = language_of(request)
    story = site.stories.of(identity)
    now = shown.live(view.state, specification.experiment, story, results, language=code, now=time.time())
    return site.show(
        "live.html" if is_fragment(request) else "experiment.html",
        request,
        view=view,
        live=now,
        text=specification.text,
        took=shown.duration(view.seconds, code),
        headline=_headline(site, view, code),
        reviews=reviews_of(site, identity),
    )


def _headline(site: Site, view: ExperimentView, code: str) -> str:
    """What was found, in a line; empty before it is done."""
    if code == "en" or not view.headline or view.results is None:
        return view.headline
    read = partial(_in_short, site, view.experiment_id, code)
    return site.remembered(f"headline/{view.results.sha256}/{code}", read)


def _in_short(site: Site, identity: str, code: str) -> str:
    try:
        return language(code).in_short(_results(site, identity))
    except DataCorruptionError as error:  # the list is shown all the same
        return str(error)


def _results(site: Site, identity: str) -> dict[str, Any]:
    return read_results(site.store, identity)
