"""`saggar data list`: the data sets of the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import ids_in
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, print_table, say, settings


def list_collections(
    context: typer.Context,
    *,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also what experiments and reviews made: splits, mixes, lists of generated images."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lists the data sets of this home."""
    from saggar_orchestrator.workflow.collections import imported, summary

    store = open_home_store(settings(context).home)
    ids = ids_in(store.list("datasets/"), "manifest.parquet")
    shown = [summary(store, identity) for identity in ids] if everything else imported(store)
    rows = [asdict(each) for each in shown]
    if as_json:
        print_json(rows)
        return
    names = ("data set", "photographs", "objects", "synthetic", "split", "labels")
    print_table(names, [(r["dataset"], *(f"{r[n]:,}" for n in names[1:4]), r["split"], r["labels"]) for r in rows])
    if not rows:
        say("no data set yet: `saggar data import` brings photographs in")
    if hidden := len(ids) - len(rows):
        say(f"{hidden:,} more were made by experiments, or for reviews; --all shows them")
