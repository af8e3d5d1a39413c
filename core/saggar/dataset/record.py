"""One image of a data set, with its labels and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["real", "augmented", "synthetic"]

ORIGINS: tuple[Origin, ...] = ("real", "augmented", "synthetic")
SPLITS = ("train", "validation", "test")
OBJECT_COLUMNS = ("object_id", "group")  # in a table, the one or the other says which photographs are of one object
PROVENANCE = ("licence", "credit_line", "object_url")  # fields of a record that say whose photograph it is


@dataclass(frozen=True)
class Record:
    """A row of a manifest.

    `labels` maps every task to a class code, or to None where it is not known. `source` says where the image
    came from: the path in the import folder, or the prompt's id. `augmentation_seed` is set for origin
    "augmented": the image in the store is the original, and the seed says how to vary it. `licence` (a URI),
    `credit_line` and `object_url` are the owner's, where they are known.
    """

    image: str  # key in the object store
    object_id: str  # photographs of one object share it; they never straddle splits
    labels: dict[str, str | None]
    split: str | None = None
    origin: Origin = "real"
    width_px: int = 0
    height_px: int = 0
    source: str = ""
    caption: str | None = None
    augmentation_seed: int | None = None
    phash: str | None = None  # of the pixels, see saggar.duplicates.perceptual
    made_from: str | None = None  # of a synthetic image: JSON of all that decided it, as its own metadata has it
    licence: str | None = None
    credit_line: str | None = None
    object_url: str | None = None
    loss_weight: float | None = None  # how much the row counts in training, 0 to 1,000; None: 1
