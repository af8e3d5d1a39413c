"""A cast shadow is no part of a pot, though it stands out from the ground as the pot does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from saggar.outlines import Lab, Mask, Outline

_REACH = 0.12  # of the longer side: as far as the ground is like the ground around
_SAME_COLOUR = 4.0  # distance in a and b, within which a darker place may be shaded ground
_DARKER = (0.35, 1.0)  # lightness of shaded ground over that of the ground
_LESS_ALIKE = 0.05  # left and right, than with it
_LARGEST = 0.35  # of what stands out: more is a pot of the ground's own colour


def without_shadow(lab: Lab, outline: Outline) -> Mask:
    """[H, W] the outline's mask without what lies at its lower edge and has the ground's colour, only darker. All of it
    where that is the pot itself: so much, or more on one side, that the rest would be no thrown pot.
    """
    from scipy import ndimage  # type: ignore[import-untyped]

    ground = _ground_beneath(lab, outline.ground)
    distance = np.hypot(lab[..., 1] - ground[..., 1], lab[..., 2] - ground[..., 2])
    darker = lab[..., 0] / np.maximum(ground[..., 0], 1.0)
    shaded = outline.mask & (distance < _SAME_COLOUR) & (darker > _DARKER[0]) & (darker < _DARKER[1])
    shaded = ndimage.binary_opening(shaded)
    rows = np.flatnonzero(outline.mask.any(axis=1))
    beyond = ndimage.binary_dilation(~outline.mask)
    parts, count = ndimage.label(shaded)
    for part in range(1, count + 1):
        found = parts == part
        if not (found & beyond).any() or np.nonzero(found)[0].mean() < rows.mean():
            shaded &= ~found
    if shaded.sum() > _LARGEST * outline.mask.sum():
        return outline.mask
    parts, count = ndimage.label(ndimage.binary_opening(outline.mask & ~shaded))
    if not count:
        return outline.mask
    pot: Mask = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return pot if symmetry_of(pot) > symmetry_of(outline.mask) - _LESS_ALIKE else outline.mask


def symmetry_of(mask: Mask) -> float:
    """Overlap with the mirror image, 0 to 1 (intersection over union), within the bounding box."""
    columns = np.flatnonzero(mask.any(axis=0))
    box = mask[:, columns[0] : columns[-1] + 1]
    return float((box & box[:, ::-1]).sum() / (box | box[:, ::-1]).sum())


def _ground_beneath(lab: Lab, ground: Mask) -> npt.NDArray[np.float32]:
    """[H, W, 3] what the ground would be there, from the ground around."""
    from scipy import ndimage

    reach = _REACH * max(ground.shape)
    weight = ndimage.gaussian_filter(ground.astype(np.float32), reach)
    sums = ndimage.gaussian_filter(lab * ground[..., None], (reach, reach, 0))
    beneath: npt.NDArray[np.float32] = sums / np.maximum(weight, 1e-4)[..., None]
    return beneath
