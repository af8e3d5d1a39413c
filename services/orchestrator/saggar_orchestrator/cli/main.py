"""`saggar`: the program, its commands, the options for all of them, and its exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from saggar_orchestrator.cli.terminal.output import Settings, any_text, be_quiet, open_what_is_closed, warn
from saggar_orchestrator.local.home import DEFAULT_HOME, Home

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

_CLI = "saggar_orchestrator.cli"
# Command: where it is, and what `saggar --help` says of it. A module is imported when its command is used.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "quickstart": (f"{_CLI}.quickstart", "quickstart", "Runs the whole story on this machine, in minutes."),
    "up": (f"{_CLI}.services.up", "up", "Runs all five services here, until Ctrl-C."),
    "data": (f"{_CLI}.data.commands", "app", "Imports, describes, splits and exports data sets."),
    "experiment": (f"{_CLI}.experiments.commands", "app", "Writes, runs, follows and compares experiments."),
    "report": (f"{_CLI}.experiments.report", "report", "Writes an experiment's report and tables."),
    "deposit": (f"{_CLI}.deposit", "deposit", "Packs an experiment as an RO-Crate for a repository."),
    "status": (f"{_CLI}.status", "status", "Says where the pages are on which all of it can be seen and done."),
    "review": (f"{_CLI}.review", "review", "Says where people judge the generated images."),
    "generator": (f"{_CLI}.generator.commands", "app", "Makes images from prompts; manages adapters."),
    "models": (f"{_CLI}.models", "app", "Lists classifiers; chooses the one that serves."),
    "classify": (f"{_CLI}.classify", "classify", "Asks the serving classifier about photographs."),
    "explain": (f"{_CLI}.explain", "explain", "Draws where in a photograph a classifier's answers come from."),
    "store": (f"{_CLI}.store.commands", "app", "Cleans the store of what nothing refers to."),
    "doctor": (f"{_CLI}.services.doctor", "doctor", "Checks what is installed and reachable."),
}


class Commands(typer.core.TyperGroup):
    """The group of `COMMANDS`: none is imported before it is used, so that help is there at once."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        names: Any = dict.fromkeys(COMMANDS)  # what a misspelt command is compared with
        self.commands = names

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(cmd_name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in COMMANDS.items()])


app = typer.Typer(
    cls=Commands,
    name="saggar",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Does synthetic data help to classify a small collection of porcelain, and for which attribute? "
    "Find out, and serve the best classifier.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        print(f"saggar {importlib.metadata.version('saggar-orchestrator')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    home: Annotated[
        Path,
        typer.Option(envvar="SAGGAR_HOME", help="Folder for store, workflow database, logs and reports."),
    ] = DEFAULT_HOME,
    server: Annotated[
        str,
        typer.Option(
            envvar="SAGGAR_ORCHESTRATOR",
            metavar="HOST:PORT",
            help="Orchestrator that runs elsewhere, e.g. in containers; no service is started here then.",
        ),
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only, no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 read by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options for all commands stand before the command: `saggar --home DIR up`."""
    be_quiet(quiet)
    context.obj = Settings(Home(home, _servers(server)), debug=debug)


def _servers(orchestrator: str) -> dict[str, str]:
    """Services that run elsewhere, by name; none, without reading all settings, where no variable names one."""
    names = ("SAGGAR_ORCHESTRATOR", "SAGGAR_CLASSIFIER")
    if not orchestrator and not any(os.environ.get(name) for name in names):
        return {}
    from saggar_orchestrator.cli.terminal.output import command_settings

    if orchestrator and not orchestrator.rpartition(":")[2].isdecimal():
        raise typer.BadParameter(f"--server {orchestrator}: give host:port, e.g. 127.0.0.1:50051")
    return command_settings().servers(orchestrator)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted."""
    open_what_is_closed()
    if "--debug" not in sys.argv:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it says of a connection is in our errors
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code. An error becomes one readable paragraph on standard error."""
    any_text()
    if (words := _before_an_empty_one(arguments)) is not None:
        said = " ".join(("saggar", *words))
        warn(f"error: what stands after `{said}` is empty, as a variable without a value is; give it or leave it out")
        return WRONG_INPUT
    try:
        result = typer.main.get_command(app).main(list(arguments), prog_name="saggar", standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        warn("interrupted")
        return INTERRUPTED
    except SystemExit as error:  # of typer: completion, and a pipe whose reader left
        return _left() if _is_broken_pipe(error.__context__) else int(error.code or 0)
    except Exception as error:  # noqa: BLE001 the last resort: no traceback for users
        if _is_broken_pipe(error):
            return _left()
        if "--debug" in arguments:
            import traceback

            traceback.print_exc()
        return _explain(error)
    return result if isinstance(result, int) else DONE


def _before_an_empty_one(arguments: Sequence[str]) -> Sequence[str] | None:
    """What stands before the first argument that is empty and no option's value: a path would be the current folder."""
    for place, argument in enumerate(arguments):
        if not argument and not arguments[max(0, place - 1)].startswith("-"):
            return arguments[:place]
    return None


def _is_broken_pipe(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _left() -> int:
    """The reader of our output left, e.g. `| head`: nothing more to say, also when Python flushes at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return DONE


def _explain(error: Exception) -> int:
    from saggar_orchestrator.cli.terminal import failures

    if hasattr(error, "exit_code") and hasattr(error, "show"):  # usage errors of typer
        error.show(file=sys.stderr)
        return WRONG_INPUT
    text, is_wrong_input = failures.explain(error)
    warn(f"error: {text}")
    return WRONG_INPUT if is_wrong_input else FAILED
