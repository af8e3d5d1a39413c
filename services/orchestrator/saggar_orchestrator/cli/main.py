"""`saggar`: the program, its options for all commands, and how errors are told."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from saggar.errors import AlreadyExistsError, InvalidInputError, NotFoundError, SaggarError, WrongStateError

from saggar_orchestrator.cli import models, quickstart, review
from saggar_orchestrator.cli.data import commands as data
from saggar_orchestrator.cli.experiments import commands as experiments
from saggar_orchestrator.cli.generator import commands as generator
from saggar_orchestrator.cli.services import doctor, up
from saggar_orchestrator.cli.terminal.output import Settings, warn
from saggar_orchestrator.local.home import DEFAULT_HOME, Home

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
_WRONG_INPUT_ERRORS = (InvalidInputError, NotFoundError, AlreadyExistsError, WrongStateError)

app = typer.Typer(
    name="saggar",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Does synthetic data help to classify a small collection of porcelain, and for which attribute? "
    "Find out, and serve the best classifier.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"saggar {importlib.metadata.version('saggar-orchestrator')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path,
        typer.Option(envvar="SAGGAR_HOME", help="Folder for store, workflow database, logs and reports."),
    ] = DEFAULT_HOME,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 read by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options for all commands stand before the command: `saggar --home DIR up`."""
    context.obj = Settings(Home(home), debug=debug)


app.command()(quickstart.quickstart)
app.command()(up.up)
app.add_typer(data.app, name="data")
app.add_typer(experiments.app, name="experiment")
app.command()(experiments.report)
app.command()(review.review)
app.add_typer(generator.app, name="generator")
app.add_typer(models.app, name="models")
app.command()(models.classify)
app.command()(doctor.doctor)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command; returns the exit code. An error becomes one readable paragraph on standard error."""
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="saggar", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        warn("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:  # noqa: BLE001 the last resort: no traceback for users
        if "--debug" in arguments:
            traceback.print_exc()
        return _tell(error)
    return result if isinstance(result, int) else DONE


def _tell(error: Exception) -> int:
    if hasattr(error, "exit_code") and hasattr(error, "show"):  # click's usage errors
        error.show(file=sys.stderr)
        return WRONG_INPUT
    if isinstance(error, SaggarError):
        warn(f"error: {error}")
        return WRONG_INPUT if isinstance(error, _WRONG_INPUT_ERRORS) else FAILED
    warn(f"error: {type(error).__name__}: {error}. This looks like a bug; `saggar --debug ...` shows where.")
    return FAILED
