"""`saggar data import --corrections`: a data set with the labels that people accepted in a table of doubts."""

from __future__ import annotations

from pathlib import Path

import typer

from saggar_orchestrator.cli.terminal.datasets import identity, read_dataset, taxonomy_of
from saggar_orchestrator.cli.terminal.output import open_home_store, print_json, say, settings


def import_corrections(
    context: typer.Context, table: Path, taxonomy: str | None, encoding: str | None, *, as_json: bool
) -> None:
    """Writes the corrected data set and prints its id; the one that it comes of stays."""
    from saggar.errors import InvalidInputError
    from saggar.proposals.doubts.corrections import corrected, read_corrections
    from saggar.stored_datasets import write_manifest

    dataset, decisions = read_corrections(table, encoding)
    store = open_home_store(settings(context).home)
    dataset, manifest = read_dataset(store, dataset)
    chosen = taxonomy_of(manifest, taxonomy)
    if chosen is None:
        raise InvalidInputError(
            f"no shipped taxonomy has the tasks and codes of {dataset}: give the file with --taxonomy"
        )
    found = corrected(manifest, decisions, chosen, str(table))
    if not found.corrected and not found.made_unknown:
        raise InvalidInputError(
            f"{table}: {found}; write accept, another class, or unknown into the column accept of what is wrong"
        )
    made = identity(write_manifest(store, found.manifest))
    if as_json:
        counts = {name: value for name, value in vars(found).items() if name != "manifest"}
        print_json({"dataset": made, "from": dataset, **counts})
        return
    print(f"{made}\t{found}")
    say(f"data set {dataset} stays as it was; next: saggar data describe {made}")
