"""`saggar data export`: a data set for others."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.data.datasets import Dataset, read_dataset
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, plural, print_json, say, settings

if TYPE_CHECKING:
    from saggar.export.exporting import Progress


class Format(StrEnum):
    """What a data set can be written as."""

    CROISSANT = "croissant"
    IMAGEFOLDER = "imagefolder"
    DATASHEET = "datasheet"


def export_collection(
    context: typer.Context,
    dataset: Dataset,
    kind: Annotated[Format, typer.Option("--format", help="What to write.")],
    output: Annotated[Path, typer.Option(help="New folder to write into.")],
    name: Annotated[str | None, typer.Option(help="How the data set is called.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is, and what for.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="URI of the licence of the whole; left out: those of the records.")
    ] = None,
    creator: Annotated[str | None, typer.Option(help="Who made it: person or institution.")] = None,
    url: Annotated[str | None, typer.Option(help="Web page of the data set.")] = None,
    cite_as: Annotated[str | None, typer.Option(help="Citation, best as BibTeX.")] = None,
    as_json: AsJson = False,
) -> None:
    """Writes a data set as Croissant 1.1, as an image folder of Hugging Face, or as a datasheet.

    Synthetic images are marked as such in each. Augmented records have no files of their own, and are left
    out.
    """
    from saggar.export.about import About
    from saggar.export.exporting import export

    store = open_home_store(settings(context).home)
    manifest = read_dataset(store, dataset)
    about = About(
        dataset=dataset,
        name=name or f"Porcelain data set {dataset}",
        published=datetime.now(UTC).date(),
        description=description,
        licence=licence,
        creator=creator,
        url=url,
        cite_as=cite_as,
    )
    remarks = list(export(manifest, store, about, kind.value, output, _progress_line()))
    if augmented := int(manifest.mask(origin="augmented").sum()):
        remarks.append(f"augmented records left out: {augmented:,}; each is a photograph and a seed")
    images = len(manifest) - augmented
    synthetic = int(manifest.mask(origin="synthetic").sum())
    if as_json:
        print_json(
            {
                "dataset": dataset,
                "format": kind.value,
                "output": str(output),
                "images": images,
                "synthetic": synthetic,
                "remarks": remarks,
            }
        )
        return
    for remark in remarks:
        say(f"note: {remark}")
    marked = f", {synthetic:,} of them synthetic" if synthetic else ""
    print(f"{output}\t{plural(images, 'image')}{marked}")


def _progress_line() -> Progress | None:
    """Counts on one line of a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            end = "\n" if done == total else ""
            print(f"\rimages: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)

    return tell
