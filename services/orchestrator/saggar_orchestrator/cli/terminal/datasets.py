"""Data sets named on the command line, and the taxonomy that they were labelled by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import chosen, complete_dataset, ids_in

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest
    from saggar.store import ObjectRef, ObjectStore
    from saggar.taxonomy import Taxonomy

Dataset = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="Data set, or the beginning of its id.", autocompletion=complete_dataset),
]
ChosenTaxonomy = Annotated[
    str | None,
    typer.Option(
        "--taxonomy",
        help="Shipped taxonomy or path of a YAML file; left out: the smallest shipped one that fits.",
    ),
]

_WHOLE_ID = re.compile(r"[0-9a-f]{16}")


def find_dataset(store: ObjectStore, beginning: str) -> str:
    """The one data set whose id begins so. Raises NotFoundError naming what there is."""
    from saggar.stored_datasets import manifest_key

    # a store on a bucket need not be listed for a whole id
    if _WHOLE_ID.fullmatch(beginning) and store.exists(manifest_key(beginning)):
        return beginning
    known = ids_in(store.list("datasets/"), "manifest.parquet")
    return chosen(known, beginning, "data set", "`saggar data list` shows all")


def read_dataset(store: ObjectStore, beginning: str) -> tuple[str, Manifest]:
    """The data set whose id begins so, with its whole id. Raises NotFoundError when there is none."""
    from saggar.stored_datasets import manifest_key, read_manifest

    dataset = find_dataset(store, beginning)
    return dataset, read_manifest(store, store.stat(manifest_key(dataset)))


def identity(reference: ObjectRef) -> str:
    """datasets/<id>/manifest.parquet -> <id>."""
    return reference.key.split("/")[1]


def taxonomy_of(manifest: Manifest, chosen: str | None) -> Taxonomy | None:
    """The taxonomy that was chosen, or the smallest shipped one that fits, or None.

    Raises InvalidInputError when the chosen one does not fit.
    """
    from saggar.dataset.manifest import validate
    from saggar.describing.fitting import fitting_taxonomy, narrowed_to
    from saggar.taxonomy import load_taxonomy

    if chosen is None:
        return fitting_taxonomy(manifest)
    taxonomy = narrowed_to(manifest, load_taxonomy(chosen))
    validate(manifest, taxonomy)
    return taxonomy
