"""Leakage: nothing that is trained on may be evaluated on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.dataset.manifest import Manifest
from saggar.duplicates.search import SURE_BITS, close_pairs_between, pack
from saggar.errors import FieldViolation, InvalidInputError

_EXAMPLES = 3


def check(manifest: Manifest) -> None:
    """Raises InvalidInputError, one violation per kind of leak.

    Leaks: an object in more than one split; an image (equal bytes) in more than one split; nearly the same
    picture (perceptual hashes at most `SURE_BITS` apart) in more than one split; an augmented or synthetic
    image outside the training split. Rows without a split take no part, nor do rows without a hash in the
    third.
    """
    frame = manifest.frame[manifest.frame["split"].notna()]
    problems = [
        *_straddling(frame, "object_id", "objects"),
        *_straddling(frame, "image", "images"),
        *_near_duplicates(frame),
        *_made_outside_train(frame),
    ]
    if problems:
        lines = "\n".join(f"  {problem.description}" for problem in problems)
        raise InvalidInputError(
            f"the data set leaks between splits:\n{lines}\nImport the photographs again where pictures are "
            "nearly the same (they become one object), split them (by object), then augment and mix the "
            "training split only.",
            tuple(problems),
        )


def near_evaluation(made: Manifest, real: Manifest) -> npt.NDArray[np.bool_]:
    """[N] whether an image of `made` is nearly the same picture as one in the validation or test split of
    `real`. Images without a perceptual hash are not.
    """
    return near_any(made, real.select(split=("validation", "test")))


def near_any(manifest: Manifest, others: Manifest) -> npt.NDArray[np.bool_]:
    """[N] whether an image of `manifest` is nearly the same picture as one of `others`. Images without a perceptual
    hash are not.
    """
    theirs = others.frame["phash"].dropna()
    own = manifest.frame["phash"].reset_index(drop=True).dropna()
    hashes = pack([*own, *theirs])
    sides = np.repeat(np.array([0, 1], np.int64), [len(own), len(theirs)])
    # of equal hashes one a side is found, so every image whose hash was found is near
    found = {row.tobytes() for row in hashes[close_pairs_between(hashes, sides)[:, 0]]}
    near = np.zeros(len(manifest), dtype=np.bool_)
    near[own.index.to_numpy()] = [row.tobytes() in found for row in hashes[: len(own)]]
    return near


def _straddling(frame: pd.DataFrame, column: str, things: str) -> list[FieldViolation]:
    places = frame[[column, "split"]].drop_duplicates()
    twice = places[places[column].duplicated(keep=False)]
    if twice.empty:
        return []
    examples = sorted(twice[column].unique())[:_EXAMPLES]
    shown = "; ".join(
        f"{name} in {' and '.join(sorted(twice.loc[twice[column] == name, 'split']))}" for name in examples
    )
    count = twice[column].nunique()
    return [FieldViolation(column, f"{count:,} {things} are in more than one split, e.g. {shown}")]


def _near_duplicates(frame: pd.DataFrame) -> list[FieldViolation]:
    hashed = frame[frame["phash"].notna()].drop_duplicates(["image", "split"])
    splits = pd.factorize(hashed["split"])[0].astype(np.int64)
    pairs = close_pairs_between(pack(hashed["phash"]), splits, SURE_BITS)
    names, split = hashed["source"].fillna(hashed["image"]).to_numpy(), hashed["split"].to_numpy()
    images = hashed["image"].to_numpy()
    found = [
        f"{names[a]} in {split[a]} and {names[b]} in {split[b]} ({bits} of 256 bits differ)"
        for a, b, bits in pairs
        if images[a] != images[b]  # equal images are among the problems already
    ]
    if not found:
        return []
    shown = "; ".join(found[:_EXAMPLES])
    count = "1 pair" if len(found) == 1 else f"{len(found):,} pairs"
    return [FieldViolation("phash", f"nearly the same picture in more than one split, {count}, e.g. {shown}")]


def _made_outside_train(frame: pd.DataFrame) -> list[FieldViolation]:
    made = frame[(frame["origin"] != "real") & (frame["split"] != "train")]
    if made.empty:
        return []
    counts = (made["origin"] + " in " + made["split"]).value_counts().sort_index()
    shown = ", ".join(f"{n:,} {place}" for place, n in counts.items())
    return [FieldViolation("origin", f"images that are not real photographs outside train: {shown}")]
