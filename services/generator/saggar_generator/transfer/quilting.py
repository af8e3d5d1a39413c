"""Texture of one area over another, patch by patch (Efros and Freeman 2001, https://doi.org/10.1145/383259.383296).

Patches are taken from the source as they are, so that its spectrum stays; each is chosen among some for how it fits
its neighbours, and joined to them along the seam of least difference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Detail = npt.NDArray[np.float32]  # [H, W, C]
Mask = npt.NDArray[np.bool_]  # [H, W]

_CANDIDATES = 24  # patches that are tried for each place


def quilted(source: Detail, inside: Mask, shape: tuple[int, int], patch_px: int, rng: np.random.Generator) -> Detail:
    """[height, width, C] texture of `source` within `inside`, of any size `shape`.

    Raises ValueError when no patch of `patch_px` lies inside.
    """
    corners = _corners(inside, patch_px)
    if not len(corners):
        raise ValueError(f"no patch of {patch_px} px lies inside")
    overlap = max(1, patch_px // 4)
    step = patch_px - overlap
    height, width = shape
    rows, columns = (max(1, -(-(length - overlap) // step)) for length in shape)
    canvas = np.zeros((rows * step + overlap, columns * step + overlap, source.shape[2]), dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            top, left = row * step, column * step
            place = canvas[top : top + patch_px, left : left + patch_px]
            chosen = corners[rng.integers(0, len(corners), size=min(_CANDIDATES, len(corners)))]
            patches = np.stack([source[y : y + patch_px, x : x + patch_px] for y, x in chosen])  # [K, p, p, C]
            known = np.zeros((patch_px, patch_px), dtype=np.bool_)
            known[:overlap] |= row > 0
            known[:, :overlap] |= column > 0
            errors = ((patches - place) ** 2).sum(axis=-1)  # [K, p, p]
            best = int((errors * known).sum(axis=(1, 2)).argmin())
            taken = _taken(errors[best], overlap, above=row > 0, beside=column > 0)
            place[taken] = patches[best][taken]
    return canvas[:height, :width]


def _corners(inside: Mask, patch_px: int) -> npt.NDArray[np.int64]:
    """[N, 2] upper left corners of the patches that lie inside."""
    counts = np.pad(inside, ((1, 0), (1, 0))).astype(np.int64).cumsum(axis=0).cumsum(axis=1)
    p = patch_px
    if min(inside.shape) < p:
        return np.empty((0, 2), dtype=np.int64)
    full = counts[p:, p:] - counts[:-p, p:] - counts[p:, :-p] + counts[:-p, :-p]
    return np.argwhere(full == p * p)


def _taken(error: npt.NDArray[np.float32], overlap: int, *, above: bool, beside: bool) -> Mask:
    """[p, p] where the new patch is laid; the rest keeps what was there before it."""
    taken = np.ones(error.shape, dtype=np.bool_)
    if beside:
        taken &= _beyond_seam(error[:, :overlap], error.shape[1])
    if above:
        taken &= _beyond_seam(error[:overlap].T, error.shape[0]).T
    return taken


def _beyond_seam(error: npt.NDArray[np.float32], width: int) -> Mask:
    """[n, width] what lies right of the cheapest path from top to bottom through `error` [n, overlap]."""
    cost = error.astype(np.float64).copy()
    for row in range(1, len(cost)):
        before = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
    place, seam = int(cost[-1].argmin()), np.empty(len(cost), dtype=np.int64)
    for row in range(len(cost) - 1, -1, -1):
        seam[row] = place
        if row:
            low = max(0, place - 1)
            place = low + int(cost[row - 1, low : place + 2].argmin())
    beyond: Mask = np.arange(width)[None] >= seam[:, None]
    return beyond
