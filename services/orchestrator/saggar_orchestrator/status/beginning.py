"""A new experiment: a file to begin with, what is wrong with it, what it would do, and its start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from saggar.describing.fitting import fitting_taxonomy
from saggar.errors import InvalidInputError, NotFoundError, SaggarError
from saggar.pages.forms import fields_of
from saggar.pages.site import in_thread, language_of
from saggar.stored_datasets import manifest_key, read_manifest

from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.shipped import shipped_text
from saggar_orchestrator.experiment.writing.beginning import experiment_text
from saggar_orchestrator.progress import Cancellation
from saggar_orchestrator.status import shown
from saggar_orchestrator.status.lists import collections_of
from saggar_orchestrator.status.site import Actor, Site
from saggar_orchestrator.workflow.attempts import step_results
from saggar_orchestrator.workflow.expense import Expense, estimate, photographs_of
from saggar_orchestrator.workflow.forecast import Foreseen, foresee
from saggar_orchestrator.workflow.run import Specification, workshop_of
from saggar_orchestrator.workflow.stored import ExperimentView, finished_experiments, is_known

_SHIPPED = ("quickstart", "selective", "composites", "paper")
_MY_DATA = "my-data"
_SOURCE = "experiment"  # how errors name the file
LARGEST_FILE = 256 * 1024  # bytes of a request with an experiment file: Chinese takes nine in a form


@dataclass(frozen=True)
class Planned:
    """What a file would do. `known`: the experiment that equal inputs have started."""

    steps: tuple[tuple[str, str], ...]  # title, what becomes of it
    reused: int
    costs: Expense
    time: str
    known: ExperimentView | None


def add_beginning(app: FastAPI, site: Site) -> None:
    """Routes of an experiment that is not there yet."""

    @app.get("/new")
    def new(request: Request, _actor: Actor, origin: str = "") -> HTMLResponse:
        return _form(site, request, text=_beginning(site, origin) if origin else "", origin=origin)

    @app.post("/new")
    async def plan(request: Request, _actor: Actor) -> Response:
        form = await fields_of(request)
        return await in_thread(_plan, site, request, form)

    @app.post("/experiments")
    async def start(request: Request, _actor: Actor) -> Response:
        form = await fields_of(request)
        return await in_thread(_start, site, request, form)


def _plan(site: Site, request: Request, form: dict[str, str]) -> HTMLResponse:
    text, origin = form.get("text", ""), form.get("origin", "")
    try:
        specification = site.engine.check(text, _SOURCE, Path("/"))
    except (InvalidInputError, NotFoundError) as error:
        return _form(site, request, 400, text=text, origin=origin, problem=str(error))
    return _form(site, request, text=text, origin=origin, planned=_planned(site, specification, language_of(request)))


def _start(site: Site, request: Request, form: dict[str, str]) -> Response:
    text = form.get("text", "")
    try:
        view, existed = site.engine.start(text, _SOURCE, Path("/"))
    except (InvalidInputError, NotFoundError) as error:
        return _form(site, request, 400, text=text, origin=form.get("origin", ""), problem=str(error))
    if existed:
        site.engine.resume(view.experiment_id)  # as the command line: what was stopped goes on
    return RedirectResponse(f"/experiments/{view.experiment_id}", 303)


def _planned(site: Site, specification: Specification, language: str) -> Planned:
    workshop = workshop_of(specification, site.resources, Cancellation())
    steps = foresee(workshop, dict(step_results()).get)
    costs = estimate(_Known(site), specification.experiment, steps)
    words = site.look.words[language]
    identity = specification.experiment_id
    return Planned(
        tuple((shown.title(step.title, language), words[f"plan_{step.state}"]) for step in steps),
        _count(steps, "reused"),
        costs,
        "" if costs.seconds is None else shown.duration(costs.seconds, language) or words["seconds"].format("<1"),
        site.engine.describe(identity) if is_known(site.store, identity) else None,
    )


def _count(steps: Iterable[Foreseen], state: str) -> int:
    return sum(step.state == state for step in steps)


class _Known:
    """What the store's experiments have measured."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def finished(self) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
        return finished_experiments(self._site.store)

    def photographs_of(self, experiment: Experiment) -> int:
        return photographs_of(self._site.store, experiment)

    @property
    def folder(self) -> Path | None:
        """That of drawn collections: the home's."""
        place = self._site.resources.collections.resolve()
        while not place.exists():
            place = place.parent
        return place


def _form(
    site: Site,
    request: Request,
    status: int = 200,
    *,
    text: str,
    origin: str,
    problem: str = "",
    planned: Planned | None = None,
) -> HTMLResponse:
    return site.show(
        "new.html",
        request,
        status,
        text=text,
        origin=origin,
        problem=problem,
        planned=planned,
        shipped=_SHIPPED,
        collections=collections_of(site),
        my_data=_MY_DATA,
    )


def _beginning(site: Site, origin: str) -> str:
    """`quickstart`, or `my-data:<id>`: the text that `saggar experiment init` writes."""
    name, _, dataset = origin.partition(":")
    if name in _SHIPPED and not dataset:
        return shipped_text(name)
    if name != _MY_DATA:
        raise NotFoundError(f"no file to begin with is called '{origin}'", origin)
    manifest = read_manifest(site.store, site.store.stat(manifest_key(dataset)))
    taxonomy = fitting_taxonomy(manifest)
    if taxonomy is None:
        raise InvalidInputError(
            f"no shipped taxonomy has the tasks and codes of {dataset}; begin with the quickstart's file and name your "
            "taxonomy's file under `taxonomy`"
        )
    try:
        return experiment_text(dataset, manifest, taxonomy)
    except SaggarError as error:
        raise InvalidInputError(f"no file can be made for {dataset}: {error}") from error
