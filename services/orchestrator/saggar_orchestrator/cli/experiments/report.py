"""`saggar report`: an experiment's report and results as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import complete_experiment
from saggar_orchestrator.cli.terminal.output import open_home_store, settings


def report(
    context: typer.Context,
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Experiment, or the beginning of its id.", autocompletion=complete_experiment
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write report.html and results.json to.")] = Path("report"),
) -> None:
    """Writes an experiment's report and results to a folder.

    Needs no running services.
    """
    from saggar.errors import NotFoundError

    from saggar_orchestrator.cli.terminal.identities import choose, ids_in

    store = open_home_store(settings(context).home)
    ids = ids_in(store.list("experiments/"), "report.html")
    identity = choose(ids, experiment)
    if identity is None:
        known = f"; finished: {', '.join(ids)}" if ids else ""
        raise NotFoundError(f"no finished experiment '{experiment}' in this home{known}", experiment)
    output.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "results.json"):
        store.fetch(f"experiments/{identity}/{name}", output / name)
    print(output / "report.html")
