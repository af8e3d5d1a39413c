"""`saggar report`: an experiment's report and results as files."""

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
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Experiment, or the beginning of its id.", autocompletion=complete_experiment
        ),
    ],
    *,
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("report"),
    language: Annotated[
        Language, typer.Option(help="Of the page: en, or zh for simplified Chinese (report.zh.html).")
    ] = Language.EN,
) -> None:
    """Writes an experiment's report and tables to a folder.

    report.html and results.json; tables as CSV, LaTeX and JSON; figures as SVG and PNG. Needs no running services.
    """
    import json

    from saggar.errors import InvalidInputError, NotFoundError

    from saggar_orchestrator.cli.experiments.results import is_of_this_version
    from saggar_orchestrator.cli.terminal.identities import choose, ids_in
    from saggar_orchestrator.pages.exports import write_exports

    store = open_home_store(settings(context).home)
    ids = ids_in(store.list("experiments/"), "report.html")
    identity = choose(ids, experiment)
    if identity is None:
        known = f"; finished: {', '.join(ids)}" if ids else ""
        raise NotFoundError(f"no finished experiment '{experiment}' in this home{known}", experiment)
    output.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "results.json"):
        store.fetch(f"experiments/{identity}/{name}", output / name)
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    if not is_of_this_version(results):
        raise InvalidInputError(
            f"{output / 'report.html'} is written; tables, figures and other languages need the experiment to be run "
            f"again, for its results are of an earlier version"
        )
    with spinner("drawing tables and figures"):
        written = write_exports(results, output)
    page = output / "report.html"
    if language is not Language.EN:
        page = output / f"report.{language}.html"
        page.write_text(_page(store, results, language), encoding="utf-8")
    print(page)
    say(f"and {plural(len(written), 'file')} in {output / 'tables'} and {output / 'figures'}")


def _page(store: ObjectStore, results: dict[str, Any], code: Language) -> str:
    """The report drawn anew in another language, with the taxonomy's names of classes in it."""
    import json

    from saggar.taxonomy import Taxonomy

    from saggar_orchestrator.pages import report as page
    from saggar_orchestrator.pages.language import language

    key = f"experiments/{results['experiment']['id']}/specification.json"
    taxonomy = Taxonomy.model_validate(json.loads(store.get(key))["taxonomy"])
    names = {
        (task.name, entry.code): entry.names.zh_hans or entry.names.zh_hant or entry.names.en
        for task in taxonomy.tasks
        for entry in task.classes
    }
    return page.render(results, store.get, language(code), names)
