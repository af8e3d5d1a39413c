"""`saggar data export`: a data set for others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.datasets import Dataset, read_dataset
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, plural, print_json, say, settings
from saggar_orchestrator.cli.terminal.progress_line import counting


class Format(StrEnum):
    """What a data set can be written as."""

    CROISSANT = "croissant"
    IMAGEFOLDER = "imagefolder"
    DATASHEET = "datasheet"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the files say of the data set."""

    name: Annotated[str | None, typer.Option(help="How the data set is called.")] = None
    description: Annotated[str | None, typer.Option(help="What it is, and what for.")] = None
    licence: Annotated[
        str | None, typer.Option(help="URI of the licence of the whole; default: those of the records.")
    ] = None
    creator: Annotated[str | None, typer.Option(help="Who made it: person or institution.")] = None
    url: Annotated[str | None, typer.Option(help="Web page of the data set.")] = None
    cite_as: Annotated[str | None, typer.Option(help="Citation, best as BibTeX.")] = None


def export_collection(
    context: typer.Context,
    dataset: Dataset,
    *,
    kind: Annotated[Format, typer.Option("--format", help="What to write.")],
    output: Annotated[Path, typer.Option(help="New folder to write into.")],
    described: Description,
    as_json: AsJson = False,
) -> None:
    """Writes a data set for others to use.

    As Croissant 1.1, as an image folder of Hugging Face, or as a datasheet. Synthetic images are marked in each.
    Augmented records do not have files of their own, and are left out.
    """
    from dataclasses import asdict

    from saggar.export.about import About
    from saggar.export.exporting import export

    store = open_home_store(settings(context).home)
    dataset, manifest = read_dataset(store, dataset)
    about = About(
        dataset=dataset,
        published=datetime.now(UTC).date(),
        **(asdict(described) | {"name": described.name or f"Porcelain data set {dataset}"}),
    )
    remarks = list(export(manifest, store, about, kind.value, output, progress=counting("images")))
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
