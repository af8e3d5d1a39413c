"""`saggar experiment`: the group of its commands."""

from __future__ import annotations

import typer

from saggar_orchestrator.cli.experiments import deleting, differing, planning, reading, running, writing

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Writes, runs, follows and compares experiments.",
)
app.command("init")(writing.init)
app.command("plan")(planning.plan)
app.command("run")(running.run_file)
app.command("schema")(reading.print_schema)
app.command("list")(reading.list_experiments)
app.command("show")(reading.show)
app.command("watch")(running.watch)
app.command("cancel")(running.cancel)
app.command("resume")(running.resume)
app.command("diff")(differing.diff)
app.command("delete")(deleting.delete)
