"""`saggar data`: bring photographs in, look at them, split them."""

from __future__ import annotations

from typing import Annotated

import typer

from saggar_orchestrator.cli.data.advise import advise_collection
from saggar_orchestrator.cli.data.describe import describe_collection
from saggar_orchestrator.cli.data.export import export_collection
from saggar_orchestrator.cli.data.fetch import fetch_museum
from saggar_orchestrator.cli.data.importing import import_collection
from saggar_orchestrator.cli.data.labels.doubts import doubt_labels
from saggar_orchestrator.cli.data.labels.mapping import map_catalogue
from saggar_orchestrator.cli.data.labels.suggest import suggest_photographs
from saggar_orchestrator.cli.data.listing import list_collections
from saggar_orchestrator.cli.terminal.datasets import Dataset, identity, read_dataset
from saggar_orchestrator.cli.terminal.grouping import grouped
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Imports, describes, splits and exports data sets.",
)


app.command("import")(grouped(import_collection))
app.command("map")(grouped(map_catalogue))
app.command("fetch")(grouped(fetch_museum))
app.command("list")(list_collections)
app.command("describe")(grouped(describe_collection))
app.command("advise")(grouped(advise_collection))
app.command("doubts")(grouped(doubt_labels))
app.command("suggest")(grouped(suggest_photographs))
app.command("export")(grouped(export_collection))


@app.command()
def split(
    context: typer.Context,
    dataset: Dataset,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal splits.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Divides a data set into train, validation and test.

    Per label combination, keeping objects whole.
    """
    from saggar.dataset.split import split as divide
    from saggar.stored_datasets import write_manifest

    store = open_home_store(settings(context).home)
    _, manifest = read_dataset(store, dataset)
    divided = divide(manifest, seed)
    made = identity(write_manifest(store, divided))
    counts = {name: len(divided.select(split=name)) for name in ("train", "validation", "test")}
    if as_json:
        print_json({"dataset": made, "seed": seed, "splits": counts})
    else:
        print(f"{made}\t" + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
