"""Data sets named on the command line, and the taxonomy that they were labelled by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest
    from saggar.store import ObjectRef, ObjectStore
    from saggar.taxonomy import Taxonomy

Dataset = Annotated[str, typer.Argument(help="Data set id, as `saggar data import` prints it.")]
ChosenTaxonomy = Annotated[
    str | None,
    typer.Option(
        "--taxonomy",
        help="Shipped taxonomy or path of a YAML file; left out: the smallest shipped one that fits.",
    ),
]


def read_dataset(store: ObjectStore, dataset: str) -> Manifest:
    """Raises NotFoundError when there is no data set of this id."""
    from saggar.errors import NotFoundError
    from saggar.stored_datasets import manifest_key, read_manifest

    key = manifest_key(dataset)
    if not store.exists(key):
        raise NotFoundError(f"no data set '{dataset}' in the store; `saggar data import` prints the id of one", dataset)
    return read_manifest(store, store.stat(key))


def identity(reference: ObjectRef) -> str:
    """datasets/<id>/manifest.parquet -> <id>."""
    return reference.key.split("/")[1]


def taxonomy_of(manifest: Manifest, chosen: str | None) -> Taxonomy | None:
    """The taxonomy that was chosen, or the smallest shipped one that fits, or None.

    Raises InvalidInputError when the chosen one does not fit.
    """
    from saggar.dataset.manifest import validate
    from saggar.describing.fitting import fitting_taxonomy
    from saggar.taxonomy import load_taxonomy

    if chosen is None:
        return fitting_taxonomy(manifest)
    taxonomy = load_taxonomy(chosen)
    validate(manifest, taxonomy)
    return taxonomy
