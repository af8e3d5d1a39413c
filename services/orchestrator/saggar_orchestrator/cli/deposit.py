"""`saggar deposit`: an experiment as one file for a repository of research data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import chosen, complete_experiment, ids_in
from saggar_orchestrator.cli.terminal.output import open_home_store, say, settings
from saggar_orchestrator.cli.terminal.progress_line import spinner


def deposit(
    context: typer.Context,
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Experiment, or the beginning of its id.", autocompletion=complete_experiment
        ),
    ],
    *,
    output: Annotated[Path, typer.Option(metavar="FILE.zip", help="File to write; none of that name exists.")],
    licence: Annotated[
        str, typer.Option("--licence", "--license", help="Of the deposit: an SPDX id, as CC-BY-4.0, or a web address.")
    ],
    author: Annotated[str, typer.Option(help="Who deposits it: a person's name.")],
    orcid: Annotated[str, typer.Option(help="The author's, as https://orcid.org/0000-0000-0000-0000.")] = "",
) -> None:
    """Packs an experiment as an RO-Crate for a repository.

    Its file, report, results, tables, figures and predictions, described by the Workflow Run Crate profile. Photographs
    are not in it. Needs no running services.
    """
    import tempfile
    from functools import partial

    from saggar.errors import InvalidInputError

    from saggar_orchestrator.cli.experiments.report import write_files
    from saggar_orchestrator.deposit.crate import Deposit, write_crate
    from saggar_orchestrator.experiment.results_file import read_results

    about = Deposit(licence, author, orcid)
    if output.exists():
        raise InvalidInputError(f"{output} exists: name another file, or remove it")
    store = open_home_store(settings(context).home)
    ids = ids_in(store.list("experiments/"), "report.html")
    identity = chosen(ids, experiment, "finished experiment", "`saggar experiment list` shows all")
    results = read_results(store, identity)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="saggar-deposit-") as folder, spinner("gathering the deposit"):
        write_crate(results, store, Path(folder), output, about, partial(write_files, store, results, Path(folder)))
    print(output)
    say("photographs are not in it: their licences are their owners'")
