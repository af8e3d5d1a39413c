"""`saggar data`: bring photographs in, look at them, split them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.data_import import import_collection
from saggar_orchestrator.cli.data_map import map_catalogue
from saggar_orchestrator.cli.output import (
    AsJson,
    open_home_store,
    plural,
    print_json,
    print_table,
    settings,
)

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest
    from saggar.store import ObjectRef, ObjectStore

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Import, describe and split a collection."
)

Dataset = Annotated[str, typer.Argument(help="Data set id, as `saggar data import` prints it.")]


app.command("import")(import_collection)
app.command("map")(map_catalogue)


@app.command()
def describe(context: typer.Context, dataset: Dataset, as_json: AsJson = False) -> None:
    """Counts per task and class, and how uneven they are."""
    from saggar.dataset.describe import describe as summarise

    summary = summarise(_read(open_home_store(settings(context).home), dataset))
    if as_json:
        print_json({"dataset": dataset, **summary})
        return
    print(f"{plural(summary['images'], 'photograph')} of {plural(summary['objects'], 'object')}")
    for name, count in summary["splits"].items():
        print(f"  {name}: {count:,}")
    sizes = summary["combinations"]["sizes"]
    bands = ", ".join(f"{count:,} with {size}" for size, count in sizes.items())
    print(f"{plural(summary['combinations']['count'], 'combination')} of labels, by photographs: {bands}")
    formats = {"classes": ".0f", "min": ".0f", "max": ".0f", "ratio": ".1f", "gini": ".3f", "entropy": ".3f"}
    rows = [
        (name, *(format(m[key], how) for key, how in formats.items()))
        for name, m in (
            *((task, found["imbalance"]) for task, found in summary["tasks"].items()),
            ("combinations", summary["combinations"]["imbalance"]),
        )
        if m is not None
    ]
    print_table(("", "present", "fewest", "most", "ratio", "Gini", "entropy"), rows)
    for task, found in summary["tasks"].items():
        unknown = [("unknown", f"{found['unknown']:,}")] if found["unknown"] else []
        print_table(
            (task, "photographs"), [*((code, f"{n:,}") for code, n in found["counts"].items()), *unknown]
        )


@app.command()
def split(
    context: typer.Context,
    dataset: Dataset,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal splits.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Divides a data set into train, validation and test, per label combination, keeping objects whole."""
    from saggar.dataset.manifest import write_manifest
    from saggar.dataset.split import split as divide

    store = open_home_store(settings(context).home)
    divided = divide(_read(store, dataset), seed)
    identity = _identity(write_manifest(store, divided))
    counts = {name: len(divided.select(split=name)) for name in ("train", "validation", "test")}
    if as_json:
        print_json({"dataset": identity, "seed": seed, "splits": counts})
    else:
        print(f"{identity}\t" + ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def _identity(reference: ObjectRef) -> str:
    """datasets/<id>/manifest.parquet -> <id>."""
    return reference.key.split("/")[1]


def _read(store: ObjectStore, dataset: str) -> Manifest:
    from saggar.dataset.manifest import read_manifest
    from saggar.errors import NotFoundError

    key = f"datasets/{dataset}/manifest.parquet"
    if not store.exists(key):
        raise NotFoundError(
            f"no data set '{dataset}' in the store; `saggar data import` prints the id of one", dataset
        )
    return read_manifest(store, store.stat(key))
