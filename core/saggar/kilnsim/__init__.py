"""Procedural porcelain: pictures of turned vessels whose labels are known, in two domains.

`render` draws a `Piece`; `sample_world` and `sample_collection` say which pieces there are;
`write_collection` makes a folder like a museum's. See also `python -m saggar.kilnsim`.
"""

from saggar.kilnsim.collection import write_collection
from saggar.kilnsim.pieces import (
    CONFUSION_PAIRS,
    RARE_COMBINATIONS,
    Piece,
    collection_counts,
    sample_collection,
    sample_world,
)
from saggar.kilnsim.render import render

__all__ = [
    "CONFUSION_PAIRS",
    "RARE_COMBINATIONS",
    "Piece",
    "collection_counts",
    "render",
    "sample_collection",
    "sample_world",
    "write_collection",
]
