"""Procedural porcelain: pictures of Song and Yuan pieces whose labels are known, in two domains.

`render` draws a `Piece`. The *collection* is a museum's: `sample_collection` and `write_collection` give its
long tail, `sample_balanced` and `write_balanced` as much test data as wanted. The *world* (`sample_world`) is
what nano was trained on. See also `python -m saggar.kilnsim` and docs/kilnsim.md.
"""

from saggar.kilnsim.collection import RENDERER, write_balanced, write_collection
from saggar.kilnsim.holdings import (
    KILNSIM,
    Classes,
    all_classes,
    classes_of,
    collection_counts,
    sample_balanced,
    sample_collection,
)
from saggar.kilnsim.pieces import CONFUSION_PAIRS, RARE_COMBINATIONS, Piece, sample_world
from saggar.kilnsim.render import render

__all__ = [
    "CONFUSION_PAIRS",
    "KILNSIM",
    "RARE_COMBINATIONS",
    "RENDERER",
    "Classes",
    "Piece",
    "all_classes",
    "classes_of",
    "collection_counts",
    "render",
    "sample_balanced",
    "sample_collection",
    "sample_world",
    "write_balanced",
    "write_collection",
]
