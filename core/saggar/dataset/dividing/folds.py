"""Splits of which every object is in the test split once: by folds, or by where photographs come from."""

from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.dataset.manifest import Manifest
from saggar.dataset.seeds import rank_within, seeded_hash
from saggar.dataset.split import by_object
from saggar.errors import InvalidInputError

VALIDATION_SHARE = 0.2  # of the objects of a combination that are not tested


def split_by_fold(manifest: Manifest, folds: int, fold: int, seed: int) -> Manifest:
    """The same rows, the objects of one of `folds` folds (counted from 0) as the test split.

    Object-wise and label-aware: the objects of every combination of labels are dealt out over all folds in turn, so
    that folds have about equal numbers of every combination, and of objects. Of the other objects of a combination
    about a fifth is for validation, at least one where there are two. An object that is the only one of its
    combination is tested by a model that has not seen the combination.

    Raises InvalidInputError when there are fewer objects than folds, or rows that are not real photographs.
    """
    _refuse_made(manifest)
    objects = by_object(manifest)
    if folds < 2 or not 0 <= fold < folds:
        raise InvalidInputError(f"fold {fold} of {folds}: folds are two or more, counted from 0")
    if len(objects) < folds:
        raise InvalidInputError(
            f"{folds} folds of {len(objects):,} objects: a fold would be empty; choose {max(2, len(objects))} folds or "
            "fewer, or import more objects"
        )
    combination = objects["combination"].to_numpy(dtype=np.intp)
    hashes = seeded_hash(objects["object_id"], seed, "folds")
    order = np.lexsort((hashes, combination)).astype(np.intp)
    dealt = np.empty(len(objects), dtype=np.int64)
    dealt[order] = np.arange(len(objects)) % folds  # on from one combination to the next, so folds are of one size
    return _with_test(manifest, objects, dealt == fold, seed)


def split_by_source(manifest: Manifest, source: str, seed: int) -> Manifest:
    """The same rows, the objects that come from `source` as the test split, all others for training and validation.

    Raises InvalidInputError when nothing, or everything, comes from there.
    """
    _refuse_made(manifest)
    found = sources(manifest)
    known = ", ".join(f"{name} ({count:,})" for name, count in found.value_counts().sort_index().items())
    if source not in set(found):
        raise InvalidInputError(f"no photograph comes from '{source}'; sources: {known}")
    objects = by_object(manifest)
    theirs = set(manifest.frame["object_id"][(found == source).to_numpy()])
    tested = objects["object_id"].isin(theirs).to_numpy(dtype=np.bool_)
    if tested.all():
        raise InvalidInputError(f"all photographs come from '{source}', so none are left to train on")
    return _with_test(manifest, objects, tested, seed)


def sources(manifest: Manifest) -> pd.Series[str]:
    """[N] where each photograph comes from: the host of its object's page, or else the first folder of its path."""
    urls, paths = manifest.frame["object_url"], manifest.frame["source"]
    names = [
        urlsplit(url).hostname or _folder(path) if isinstance(url, str) and url else _folder(path)
        for url, path in zip(urls, paths, strict=True)
    ]
    return pd.Series(names, index=manifest.frame.index, dtype="str")


def _folder(path: str) -> str:
    first, slash, _ = path.partition("/")
    return first if slash else ""


def _with_test(manifest: Manifest, objects: pd.DataFrame, tested: npt.NDArray[np.bool_], seed: int) -> Manifest:
    combination = objects["combination"].to_numpy(dtype=np.intp)
    rest = np.flatnonzero(~tested)
    hashes = seeded_hash(objects["object_id"].iloc[rest], seed, "folds-validation")
    place = rank_within(combination[rest], np.lexsort((hashes, combination[rest])).astype(np.intp))
    sizes = np.bincount(combination[rest], minlength=int(combination.max(initial=0)) + 1)[combination[rest]]
    several = sizes >= 2
    validation = np.where(several, np.maximum(1, np.floor(sizes * VALIDATION_SHARE + 0.5)), 0)
    names = np.full(len(objects), "test", dtype=object)
    names[rest] = np.where(place < validation, "validation", "train")
    places = pd.Series(names, index=objects["object_id"], dtype="str")
    return manifest.with_columns(split=manifest.frame["object_id"].map(places).astype("str"))


def _refuse_made(manifest: Manifest) -> None:
    if strange := int((~manifest.mask(origin="real")).sum()):
        raise InvalidInputError(
            f"{strange:,} rows are augmented or synthetic; split the real photographs first, then augment and mix"
        )
