"""`saggar experiment list` and `show`: experiments of the home, whether services run or not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from saggar_orchestrator.cli.experiments.archive import Archive, Record
from saggar_orchestrator.cli.experiments.results import show_results
from saggar_orchestrator.cli.terminal.identities import complete_experiment
from saggar_orchestrator.cli.terminal.output import AsJson, out, print_json, print_table, say, settings

_JUDGED = "review by people"  # how titles of steps that wait for people begin
Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="Experiment, or the beginning of its id.", autocompletion=complete_experiment),
]


def list_experiments(context: typer.Context, as_json: AsJson = False) -> None:
    """Lists the experiments of this home, newest first."""
    records = Archive(settings(context).home).records()
    if as_json:
        print_json([_as_json(record) for record in records])
        return
    if not records:
        say("no experiment yet: `saggar experiment init` writes a file, `saggar experiment run FILE` runs it")
        return
    if not sys.stdout.isatty():
        names = ("experiment", "state", "started", "work", "size", "title", "headline")
        print_table(names, [_cells(record) for record in records])
        return
    for record in records:
        _print_entry(record)


def show(context: typer.Context, experiment: Id, *, as_json: AsJson = False) -> None:
    """Shows an experiment's steps, and its results when it is done."""
    home = settings(context).home
    archive = Archive(home)
    record = archive.record(archive.find(experiment))
    steps = archive.steps(record)
    if as_json:
        values = _as_json(record) | {"error": record.attempt.error, "steps": steps, "results": record.results}
        print_json(values)
        return
    print(f"{record.experiment_id}: {record.attempt.state}")
    print(f"{record.title}; {record.size}; started {record.created_at}")
    if record.attempt.error:
        print(record.attempt.error)
    took = [(s["title"], s["state"], f"{s['seconds']:.1f} s" if s["seconds"] else "") for s in steps]
    print_table(("step", "state", "took"), took)
    if waits_for_people(steps):
        say("it waits for people: `saggar review` says where, and how far they are")
    if record.results is not None:
        show_results(home, record.results)


def waits_for_people(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a review by people is what runs."""
    return any(step["state"] == "running" and step["title"].startswith(_JUDGED) for step in steps)


def print_schema() -> None:
    """Prints the JSON Schema of experiment files.

    Every key, what it is, its bounds and its default.
    """
    from saggar_orchestrator.experiment.schema import json_schema

    print_json(json_schema())


def duration(seconds: float) -> str:
    """E.g. `45 s`, `12 min`, `3.5 h`; empty for none."""
    if seconds < 1:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _as_json(record: Record) -> dict[str, Any]:
    return {
        "experiment": record.experiment_id,
        "title": record.title,
        "state": record.attempt.state,
        "created_at": record.created_at,
        "seconds": round(record.seconds, 1),
        "size": record.size,
        "headline": record.headline(),
    }


def _cells(record: Record) -> tuple[str, ...]:
    return (
        record.experiment_id,
        record.attempt.state,
        record.created_at,
        duration(record.seconds),
        record.size,
        record.title,
        record.headline(),
    )


def _print_entry(record: Record) -> None:
    """Two or three lines, as the window allows: seven columns do not fit it."""
    from rich.padding import Padding
    from rich.text import Text

    console = out()
    work = duration(record.seconds)
    head = Text(record.experiment_id, style="bold")
    head.append(
        f"  {record.attempt.state}", style={"failed": "red", "succeeded": "green"}.get(record.attempt.state, "")
    )
    console.print(head)
    facts = [record.title, record.size, f"started {record.created_at}", *([f"{work} of work"] if work else [])]
    console.print(Padding(Text("; ".join(facts), style="dim"), (0, 0, 0, 2)))
    if headline := record.headline():
        console.print(Padding(Text(headline), (0, 0, 0, 2)))
