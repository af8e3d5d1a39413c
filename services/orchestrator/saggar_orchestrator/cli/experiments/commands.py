"""`saggar experiment`: the group of its commands."""

from __future__ import annotations

import typer

from saggar_orchestrator.cli.experiments import reading, running

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Writes, runs, follows and compares experiments.",
)
app.command("run")(running.run_file)
app.command("schema")(reading.print_schema)
app.command("list")(reading.list_experiments)
app.command("show")(reading.show)
app.command("watch")(running.watch)
app.command("cancel")(running.cancel)
app.command("resume")(running.resume)
