"""Train, validation and test; what is withheld, given back, and augmented."""

from __future__ import annotations

from saggar.dataset import leakage
from saggar.dataset.augment import expand_rare
from saggar.dataset.dividing.folds import split_by_fold, split_by_source
from saggar.dataset.dividing.withhold import give_back, withhold
from saggar.dataset.manifest import Manifest
from saggar.dataset.split import split
from saggar.errors import InvalidInputError
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest

from saggar_orchestrator.experiment.sections import Augmentation, Data
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.steps.manifests import kept


def split_manifest(store: ObjectStore, imported: Result, data: Data, number: int) -> Result:
    """One of the experiment's splits, by its number from 0; `imported` is what the import left."""
    manifest = read_manifest(store, ObjectRef.from_json(imported["manifest"]))
    if data.folds is not None:
        divided = split_by_fold(manifest, data.folds, number, data.split_seed)
    elif data.leave_out:
        divided = split_by_source(manifest, data.leave_out[number], data.split_seed)
    else:
        divided = split(manifest, data.split_seed)
    if "fresh" in imported:
        fresh = read_manifest(store, ObjectRef.from_json(imported["fresh"]))
        divided = divided.concat(fresh.with_columns(split=["test"] * len(fresh)))
    leakage.check(divided)
    counts = {name: len(divided.select(split=name)) for name in ("train", "validation", "test")}
    if empty := [name for name, count in counts.items() if not count]:
        raise InvalidInputError(
            f"the {' and '.join(empty)} split is empty: {len(divided)} photographs are too few; import more"
        )
    return {"manifest": kept(store, divided), "counts": counts}


def split_inputs(imported: Result, data: Data, number: int) -> Result:
    """What decides a split."""
    inputs: Result = {"manifest": imported["manifest"]["sha256"], "seed": data.split_seed}
    if "fresh" in imported:
        inputs |= {"fresh": imported["fresh"]["sha256"]}
    if data.folds is not None:
        inputs |= {"folds": data.folds, "fold": number}
    elif data.leave_out:
        inputs |= {"source": data.leave_out[number]}
    return inputs


def withhold_photographs(store: ObjectStore, divided: ObjectRef, data: Data) -> Result:
    """The split without the training photographs that all arms do without."""
    manifest = read_manifest(store, divided)
    left = withhold(manifest, data.withhold, data.split_seed)
    return {"manifest": kept(store, left), "withheld": len(manifest) - len(left)}


def give_back_photographs(
    store: ObjectStore,
    divided: ObjectRef,
    withheld: ObjectRef,
    data: Data,
    count: int,
    augmentation: Augmentation | None,
) -> Result:
    """An arm's training set: the others', with `count` photographs given back, then augmented as theirs is."""
    left = read_manifest(store, withheld)
    more = give_back(left, read_manifest(store, divided), count, data.withhold, data.split_seed)
    given = len(more) - len(left)
    return _augmented(store, more, augmentation) | {"given_back": given}


def augment_manifest(store: ObjectStore, divided: ObjectRef, augmentation: Augmentation) -> Result:
    """The split with its rare training combinations expanded."""
    return _augmented(store, read_manifest(store, divided), augmentation)


def _augmented(store: ObjectStore, manifest: Manifest, augmentation: Augmentation | None) -> Result:
    if augmentation is not None:
        manifest = expand_rare(manifest, below=augmentation.below, to=augmentation.to, seed=augmentation.seed)
    leakage.check(manifest)
    return {"manifest": kept(store, manifest), "training_images": len(manifest.select(split="train"))}
