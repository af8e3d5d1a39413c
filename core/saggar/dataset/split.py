"""The adaptive split into train, validation and test (paper, section 3.2.1, figure 5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.dataset.manifest import Manifest
from saggar.dataset.seeds import rank_within, seeded_hash
from saggar.errors import InvalidInputError


def split(manifest: Manifest, seed: int) -> Manifest:
    """The same rows, each with its split; whatever split they had before is forgotten.

    Every combination of labels over all tasks (unknown counts as a label of its own) is divided by itself, by
    objects, never by photographs. With n objects: 1: train. 2: one validation, one test. 3 to 9: 70/15/15
    with at least one in validation and one in test. 10 and more: 70/20/10. Depends on the seed, the object
    ids and the labels, not on the order of rows. Photographs of one object whose labels differ count for the
    combination of the one with the fewest unknown labels.

    Raises InvalidInputError for rows that are not real photographs, and for one image under two object ids.
    """
    if strange := int((~manifest.mask(origin="real")).sum()):
        raise InvalidInputError(
            f"{strange:,} rows are augmented or synthetic; split the real photographs first, then augment and mix"
        )
    _refuse_shared_images(manifest)
    objects = by_object(manifest)
    combination = objects["combination"].to_numpy(dtype=np.intp)
    hashes = seeded_hash(objects["object_id"], seed, "split")
    order = np.lexsort((np.arange(len(objects)), hashes, combination)).astype(np.intp)
    place = rank_within(combination, order)
    sizes = np.bincount(combination)[combination] if len(objects) else np.empty(0, np.int64)
    validation, test = _held_out(sizes)
    names = np.where(place < test, "test", np.where(place < test + validation, "validation", "train"))
    places = pd.Series(names, index=objects["object_id"], dtype="str")
    return manifest.with_columns(split=manifest.frame["object_id"].map(places).astype("str"))


def by_object(manifest: Manifest) -> pd.DataFrame:
    """One row per object, sorted by `object_id`, with the number of its `combination` (as in
    `combination_ids`): of photographs that differ, the one with the fewest unknown labels counts.
    """
    ids, combinations = manifest.combination_ids()
    unknown = np.array([sum(code is None for code in combination) for combination in combinations], np.int64)
    rows = pd.DataFrame(
        {
            "object_id": manifest.frame["object_id"],
            "combination": ids,
            "unknown": unknown[ids] if len(unknown) else ids,
        }
    )
    ranked = rows.sort_values(["object_id", "unknown", "combination"], kind="stable")
    return ranked.drop_duplicates("object_id").reset_index(drop=True)


def _held_out(sizes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Objects for validation and for test, per combination size."""

    def share(part: float) -> npt.NDArray[np.int64]:
        rounded: npt.NDArray[np.int64] = np.floor(sizes * part + 0.5).astype(np.int64)  # half goes up
        return rounded

    few, pair = (sizes >= 3) & (sizes < 10), sizes == 2
    standard = sizes >= 10
    small = np.maximum(1, share(0.15))
    validation = np.select([pair, few, standard], [np.ones_like(sizes), small, share(0.20)], 0)
    test = np.select([pair, few, standard], [np.ones_like(sizes), small, share(0.10)], 0)
    return validation, test


def _refuse_shared_images(manifest: Manifest) -> None:
    pairs = manifest.frame[["image", "object_id", "source"]].drop_duplicates(["image", "object_id"])
    shared = pairs[pairs["image"].duplicated(keep=False)].sort_values(["image", "object_id"])
    if len(shared):
        first = shared[shared["image"] == shared["image"].iloc[0]]
        raise InvalidInputError(
            f"{shared['image'].nunique():,} images belong to more than one object, so they could be in "
            f"two splits; e.g. {', '.join(first['source'])} (objects {', '.join(first['object_id'])}): "
            "give them one object id, or remove one"
        )
