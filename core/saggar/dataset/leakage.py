"""Leakage: nothing that is trained on may be evaluated on."""

from __future__ import annotations

import pandas as pd

from saggar.dataset.manifest import Manifest
from saggar.errors import FieldViolation, InvalidInputError

_EXAMPLES = 3


def check(manifest: Manifest) -> None:
    """Raises InvalidInputError, one violation per kind of leak.

    Leaks: an object in more than one split; an image (equal bytes) in more than one split; an augmented or
    synthetic image outside the training split. Rows without a split take no part.
    """
    frame = manifest.frame[manifest.frame["split"].notna()]
    problems = [
        *_straddling(frame, "object_id", "objects"),
        *_straddling(frame, "image", "images"),
        *_made_outside_train(frame),
    ]
    if problems:
        lines = "\n".join(f"  {problem.description}" for problem in problems)
        raise InvalidInputError(
            f"the data set leaks between splits:\n{lines}\nSplit the real photographs again "
            "(by object), then augment and mix the training split only.",
            tuple(problems),
        )


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
    return [FieldViolation(column, f"{count:,} {things} stand in more than one split, e.g. {shown}")]


def _made_outside_train(frame: pd.DataFrame) -> list[FieldViolation]:
    made = frame[(frame["origin"] != "real") & (frame["split"] != "train")]
    if made.empty:
        return []
    counts = (made["origin"] + " in " + made["split"]).value_counts().sort_index()
    shown = ", ".join(f"{n:,} {place}" for place, n in counts.items())
    return [FieldViolation("origin", f"images that are not real photographs outside train: {shown}")]
