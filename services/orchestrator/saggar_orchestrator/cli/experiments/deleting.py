"""`saggar experiment delete`: an experiment out of the list."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from saggar_orchestrator.cli.experiments.archive import Archive
from saggar_orchestrator.cli.experiments.reading import Id
from saggar_orchestrator.cli.terminal.output import plural, say, settings


def delete(
    context: typer.Context,
    experiment: Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Deletes an experiment: its record, results and report.

    Its finished steps, images, adapter and models stay in the store, for other experiments may share them: running the
    same file again takes them over.
    """
    from saggar.errors import WrongStateError

    home = settings(context).home
    archive = Archive(home)
    identity = archive.find(experiment)
    record = archive.record(identity)
    if record.attempt.state == "running":
        raise WrongStateError(f"experiment {identity} runs; `saggar experiment cancel {identity}` first")
    keys = list(archive.store.list(f"experiments/{identity}/"))
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("add --yes: nobody is here to be asked")
        say(f"{identity}: {record.title}; {record.size}; {record.attempt.state}")
        typer.confirm(f"Delete its record and {plural(len(keys), 'object')}?", abort=True, err=True)
    archive.delete(identity)
    (home.reports / f"{identity}.html").unlink(missing_ok=True)
    print(f"{identity} deleted")
