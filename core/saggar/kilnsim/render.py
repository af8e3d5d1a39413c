"""One way in to both renderers."""

from __future__ import annotations

import numpy as np

from saggar.kilnsim.museum.render import render_museum
from saggar.kilnsim.pieces import COLLECTION, WORLD, Piece
from saggar.kilnsim.world.render import render_world

SMALLEST, LARGEST = 32, 1024

_RENDERERS = {COLLECTION: render_museum, WORLD: render_world}


def render(piece: Piece, size: int = 64, view: int = 0) -> np.ndarray:
    """A photograph of ``piece``.

    Args:
        piece: what to draw.
        size: width and height in pixels, 32 to 1024.
        view: number of the photograph; another number is another camera, light and background.

    Returns:
        uint8 [size, size, 3], RGB. The same arguments give the same bytes.

    Raises:
        ValueError: a size out of range or a label that kilnsim can't draw.
    """
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"kilnsim draws {SMALLEST} to {LARGEST} pixels a side, not {size}")
    if piece.domain not in _RENDERERS:
        raise ValueError(f"unknown kilnsim domain {piece.domain!r}; one of {sorted(_RENDERERS)}")
    try:
        return _RENDERERS[piece.domain](piece, size, view)
    except KeyError as error:
        raise ValueError(f"kilnsim can't draw {error} in the domain {piece.domain!r}: {piece}") from None
