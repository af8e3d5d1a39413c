"""`saggar data suggest`: which photographs to label next, as a sheet for their labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.identities import complete_model
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    plural,
    print_json,
    printable,
    say,
    settings,
    warn,
    write_page,
)
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from saggar.store import ObjectRef, ObjectStore

    from saggar_orchestrator.labelling.models import Asked

_LARGEST_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How many, by which model."""

    count: Annotated[int, typer.Option(help="So many photographs.", min=1, max=100_000)] = 50
    model: Annotated[
        str,
        typer.Option(
            help="Model, or the beginning of its id; left out: the one that serves.", autocompletion=complete_model
        ),
    ] = ""
    seed: Annotated[int, typer.Option(help="Equal seeds give equal suggestions.", min=0)] = 0


@dataclass(frozen=True)
class _Pool:
    """Photographs without a label: what the sheet calls them, and their bytes."""

    names: list[str]
    read: Callable[[str], bytes]


def suggest_photographs(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="FOLDER|DATASET", help="Photographs without labels: a folder, or a data set's unknown."),
    ],
    *,
    choice: Choice,
    output: Annotated[Path, typer.Option(help="CSV with a row per photograph, to write labels into.")] = Path(
        "suggested.csv"
    ),
    html: Annotated[Path | None, typer.Option(help="Also a page with their pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ranks photographs by what labelling them would teach.

    Those that the model is unsure of, and unlike one another. Write their labels into the CSV, then
    `saggar data import FOLDER --labels suggested.csv` takes them in. Files that cannot be read are named and passed
    over; the exit code is 1 then.
    """
    from saggar.errors import AlreadyExistsError

    from saggar_orchestrator.labelling import models
    from saggar_orchestrator.labelling.suggesting import ranked, uncertainty

    models.check_installed()
    if output.exists():
        raise AlreadyExistsError(f"{output}: is there already, and may hold labels; name another --output")
    store = open_home_store(settings(context).home)
    pool = _folder(Path(source)) if Path(source).is_dir() else _unlabelled(store, source)
    line = ProgressLine(quiet_when_piped=True)
    asked = models.ask(_bundle(store, choice.model), store, pool.names, line.show, pool.read, pass_over=True)
    rows = ranked(asked.probabilities, asked.features, choice.count, choice.seed)
    unsure = uncertainty(asked.probabilities)
    found = [_entry(asked, asked.images[row], row, float(unsure[row])) for row in rows.tolist()]
    _write_sheet(output, asked, found)
    if html:
        write_page(html, _page(found, asked, pool.read))
    if as_json:
        unread = [{"image": name, "error": why} for name, why in asked.unread.items()]
        names = {"model": asked.card.bundle_id, "photographs": len(asked.images)}
        print_json(names | {"suggested": found, "unread": unread})
    else:
        print(f"{output}\t{plural(len(found), 'photograph')} of {len(asked.images):,}, the most instructive first")
        if Path(source).is_dir():
            say(f"next: write their labels into it, then saggar data import {source} --labels {output}")
    if asked.unread:
        for why in asked.unread.values():
            warn(printable(why))
        warn(f"error: {len(asked.unread):,} of {plural(len(pool.names), 'file')} could not be read")
        raise typer.Exit(1)


def _bundle(store: ObjectStore, beginning: str) -> ObjectRef:
    from saggar.errors import NotFoundError

    from saggar_orchestrator.cli.terminal.identities import chosen, ids_in
    from saggar_orchestrator.peers.models import active_model

    known = ids_in(store.list("bundles/"), "bundle.json")
    name = chosen(known, beginning, "model", "`saggar models list` shows all") if beginning else active_model(store)
    if not name:
        raise NotFoundError("no model serves; name one with --model (`saggar models list`)", "model")
    return store.stat(f"bundles/{name}/bundle.json")


def _folder(folder: Path) -> _Pool:
    from saggar.errors import NotFoundError
    from saggar.importing.photographs.listing import image_files

    names = [str(path) for path in image_files(folder).images]
    if not names:
        raise NotFoundError(f"{folder}: no images found; JPEG, PNG, WebP and TIFF are read", str(folder))
    return _Pool(names, partial(_read, folder))


def _read(folder: Path, name: str) -> bytes:
    """Raises InvalidInputError, with the file's name, for what cannot be read."""
    from saggar.errors import InvalidInputError
    from saggar.files.regular import read_regular

    try:
        return read_regular(folder / name, _LARGEST_BYTES)
    except OSError as error:
        raise InvalidInputError(f"{name}: cannot be read ({error.strerror})") from None


def _unlabelled(store: ObjectStore, beginning: str) -> _Pool:
    """Photographs of a data set of which a label is unknown, by the names that they were imported with."""
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.cli.terminal.datasets import read_dataset

    dataset, manifest = read_dataset(store, beginning)
    manifest = manifest.select(origin="real")
    unknown = {task: manifest.labels(task).isna().to_numpy() for task in manifest.tasks}
    rows = manifest.take(_any(list(unknown.values())))
    if not len(rows):
        raise InvalidInputError(f"{dataset}: every photograph has all its labels; name a folder of others")
    keys = dict(zip(rows.frame["source"], rows.frame["image"], strict=True))
    return _Pool(list(keys), lambda name: store.get(keys[name]))


def _any(masks: Sequence[Any]) -> Any:
    import numpy as np

    return np.logical_or.reduce(masks)


def _entry(asked: Asked, name: str, row: int, unsure: float) -> dict[str, Any]:
    said = {}
    for task in asked.card.taxonomy.tasks:
        probabilities = asked.probabilities[task.name][row]
        best = int(probabilities.argmax())
        said[task.name] = {"code": task.codes[best], "probability": round(float(probabilities[best]), 4)}
    return {"image": name, "uncertainty": round(unsure, 4), "likeliest": said}


def _write_sheet(path: Path, asked: Asked, found: list[dict[str, Any]]) -> None:
    """Columns as `saggar data import --labels` reads them, empty, and beside them what the model guesses."""
    import csv
    import io

    from saggar.files.tables.csv_text import data_cell
    from saggar.files.wholefile import whole_file

    tasks = asked.card.taxonomy.task_names
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["image", *tasks, "rank", "uncertainty", *(f"guess_{task}" for task in tasks)])
    for rank, entry in enumerate(found, 1):
        guesses = [f"{said['code']} {said['probability']:.2f}" for said in entry["likeliest"].values()]
        cells = [entry["image"], *[""] * len(tasks), str(rank), f"{entry['uncertainty']:.3f}", *guesses]
        writer.writerow([data_cell(cell) for cell in cells])
    with whole_file(path) as file:
        file.write(text.getvalue().encode("utf-8-sig", "backslashreplace"))


def _page(found: list[dict[str, Any]], asked: Asked, read: Callable[[str], bytes]) -> str:
    from saggar_orchestrator.pages.datasets.suggestions import render

    return render(asked.card.bundle_id, asked.card.taxonomy, found, read)
