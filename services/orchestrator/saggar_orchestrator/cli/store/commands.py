"""`saggar store`: the group of its commands."""

from __future__ import annotations

import typer

from saggar_orchestrator.cli.store import cleaning

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Looks after the store.",
)


@app.callback()
def _group() -> None:
    """Its one command keeps its name."""


app.command("clean")(cleaning.clean)
