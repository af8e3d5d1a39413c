"""`saggar report`: reports and results of one experiment, or of several beside one another, as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.identities import complete_experiment
from saggar_orchestrator.cli.terminal.output import open_home_store, plural, say, settings
from saggar_orchestrator.cli.terminal.progress_line import spinner

if TYPE_CHECKING:
    from saggar.store import ObjectStore


class Language(StrEnum):
    """What a report may be written in."""

    EN = "en"
    ZH = "zh"


def report(
    context: typer.Context,
    experiments: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="Experiments, or the beginnings of their ids; several are compared on one page.",
            autocompletion=complete_experiment,
        ),
    ],
    *,
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("report"),
    language: Annotated[
        Language, typer.Option(help="Of the page: en, or zh for simplified Chinese (report.zh.html).")
    ] = Language.EN,
) -> None:
    """Writes reports and tables of experiments to a folder.

    report.html, written anew, and results.json; tables as CSV, LaTeX and JSON; figures as SVG and PNG. Several
    experiments get a folder each, and comparison.html with its own tables beside them. Needs no running services.
    """
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.experiment.results_file import read_results

    store = open_home_store(settings(context).home)
    identities = list(dict.fromkeys(_chosen(store, beginning) for beginning in experiments))
    if len(identities) == 1:
        print(_write(store, identities[0], output, language))
        return
    every = [read_results(store, identity) for identity in identities]
    tasks = [[task["name"] for task in one["taxonomy"]["tasks"]] for one in every]
    if not set.intersection(*map(set, tasks)):
        named = "; ".join(f"{identity}: {', '.join(of)}" for identity, of in zip(identities, tasks, strict=True))
        raise InvalidInputError(
            f"the experiments have no task in common ({named}), so there is nothing to compare; report each by itself"
        )
    for identity in identities:
        _write(store, identity, output / identity, language)
    print(_compare(every, output, language))


def _chosen(store: ObjectStore, beginning: str) -> str:
    from saggar_orchestrator.cli.terminal.identities import chosen, ids_in

    ids = ids_in(store.list("experiments/"), "report.html")
    remedy = "`saggar experiment list` shows all of this home, and how far they are"
    return chosen(ids, beginning, "finished experiment", remedy)


def _write(store: ObjectStore, identity: str, output: Path, code: Language) -> Path:
    """Everything of one experiment; the path of its page. An English page and one in `code`, both in this version's
    words.
    """
    from saggar_orchestrator.experiment.results_file import read_results

    results = read_results(store, identity)
    output.mkdir(parents=True, exist_ok=True)
    with spinner("drawing tables and figures"):
        written = write_files(store, results, output)
    say(f"{plural(len(written), 'file')} in {output / 'tables'} and {output / 'figures'}")
    page = output / "report.html"
    if code is not Language.EN:
        page = output / f"report.{code}.html"
        page.write_text(_page(store, results, code), encoding="utf-8")
    return page


def write_files(store: ObjectStore, results: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Writes report.html anew, results.json, tables, and the report's figures; the tables and figures. Where pictures
    of the report are gone, it stays as the experiment wrote it.
    """
    from saggar.errors import NotFoundError

    from saggar_orchestrator.pages import plots
    from saggar_orchestrator.pages.exports import write_exports

    for name in ("report.html", "results.json"):
        store.fetch(f"experiments/{results['experiment']['id']}/{name}", folder / name)
    with plots.collecting() as drawn:  # before any picture is read
        try:
            page = _page(store, results, Language.EN)
        except NotFoundError as error:
            say(f"report.html is as the experiment wrote it, for it cannot be written anew: {error}")
        else:
            (folder / "report.html").write_text(page, encoding="utf-8")
    return write_exports(results, drawn, folder)


def _page(store: ObjectStore, results: dict[str, Any], code: Language) -> str:
    from functools import partial

    from saggar_orchestrator.explanations.cases import explain_cases
    from saggar_orchestrator.pages.redrawn import redrawn

    return redrawn(store, results, code, partial(explain_cases, store))


def _compare(every: list[dict[str, Any]], output: Path, code: Language) -> Path:
    """The page of several experiments, and its tables and figures."""
    from saggar_orchestrator.pages.exports import write_comparison
    from saggar_orchestrator.pages.language import language
    from saggar_orchestrator.pages.report.several import render_several

    path = output / ("comparison.html" if code is Language.EN else f"comparison.{code}.html")
    with spinner("comparing"):
        write_comparison(every, output)
        path.write_text(render_several(every, language(code)), encoding="utf-8")
    return path
