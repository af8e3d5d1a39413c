"""Where the object is: told from the background, which is modelled from the picture's border.

Product and museum photographs show one object before a smooth ground. The ground is a quadratic surface in
CIE Lab, fitted to the border and then to all that is like it; what differs is the object. Screening looks at it, and
glaze transfer works inside it. Needs core's extra `outlines`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]  # [H, W]
Lab = npt.NDArray[np.float32]  # [H, W, 3]: L 0 to 100, a and b about -100 to 100
Float64 = npt.NDArray[np.float64]

PROFILE = 8  # heights at which the outline's width is measured
_ROUNDS = 3
_BORDER = 0.03  # of the shorter side
_LEAST_SPREAD = 1.2  # of Lab: less is quantisation
_LEAST_DISTANCE = 4.0  # spreads of the ground; below, nothing stands out
_LEAST_PIXELS = 24  # to fit the six terms by
_SPECK = 0.002  # of the picture


@dataclass(frozen=True)
class Outline:
    """The largest thing that is not background.

    Shares are of the picture's area unless said otherwise; positions run from 0 to 1 of width and height.
    """

    mask: Mask
    ground: Mask  # surely background
    share: float
    centre_x: float
    centre_y: float
    edge_contact: float  # of left, right and top edge, the largest part that the object covers
    second_share: float  # area of the second largest thing over that of the largest
    waist: float  # how deep the valley between two humps side by side is, of the lower hump
    aspect: float  # width over height of the bounding box
    contrast: float  # median distance from the ground model, in spreads of the ground
    profile: npt.NDArray[np.float32]  # [PROFILE] widths from top to bottom, of the bounding box's
    fill: float  # area over that of the bounding box


def find_outline(lab: Lab) -> Outline:
    """The object in a picture of at least 8 x 8 pixels; an outline of share 0 where nothing stands out."""
    from scipy import ndimage  # type: ignore[import-untyped]

    height, width = lab.shape[:2]
    distance = _distance_from_ground(lab)
    smooth = ndimage.gaussian_filter(distance, max(0.5, min(height, width) / 200))
    cut = max(_LEAST_DISTANCE, _otsu(smooth))
    things, count = ndimage.label(ndimage.binary_fill_holes(smooth > cut))
    areas = np.bincount(things.ravel(), minlength=2)[1:].astype(float)
    areas[areas < _SPECK * height * width] = 0
    ground = smooth < min(cut, _LEAST_DISTANCE)
    if not count or not areas.any():
        return _nothing(lab, ground)
    order = np.argsort(-areas)
    mask = things == order[0] + 1
    second = areas[order[1]] / areas[order[0]] if count > 1 else 0.0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    box = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    y, x = np.nonzero(mask)
    return Outline(
        mask=mask,
        ground=ground,
        share=float(mask.mean()),
        centre_x=float(x.mean() / width),
        centre_y=float(y.mean() / height),
        edge_contact=float(max(mask[:, 0].mean(), mask[:, -1].mean(), mask[0].mean())),
        second_share=float(second),
        waist=_waist(box),
        aspect=box.shape[1] / box.shape[0],
        contrast=float(np.median(distance[mask])),
        profile=_profile(box),
        fill=float(box.mean()),
    )


def _distance_from_ground(lab: Lab) -> Float64:
    """[H, W] distance of each pixel from the ground, in its spreads."""
    height, width = lab.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)  # [H, W, 6]
    rim = max(2, round(_BORDER * min(height, width)))
    border = np.zeros((height, width), dtype=np.bool_)
    border[:rim] = border[-rim:] = border[:, :rim] = border[:, -rim:] = True
    thin = (slice(None, None, 2), slice(None, None, 2))  # every fourth pixel is enough to fit by
    some, values = basis[thin].reshape(-1, 6), lab[thin].reshape(-1, 3).astype(np.float64)
    chosen = border[thin].ravel()
    for number in range(_ROUNDS):
        model = np.linalg.lstsq(some[chosen], values[chosen], rcond=None)[0]
        residual = np.abs(values - some @ model)
        spread = np.maximum(1.4826 * np.median(residual[chosen], axis=0), _LEAST_SPREAD)
        alike = ((residual / spread) ** 2).sum(axis=1) < _LEAST_DISTANCE**2
        if number == 0:  # a border that the object or a frame covers in part
            alike &= chosen
        if alike.sum() >= _LEAST_PIXELS:
            chosen = alike
    distance: Float64 = np.sqrt((((lab - basis @ model) / spread) ** 2).sum(axis=-1))
    return distance


def _otsu(values: Float64) -> float:
    """Otsu's threshold of the logarithm: distances run over decades."""
    from skimage.filters import threshold_otsu

    logs = np.log(np.maximum(values, 0.1))
    if np.ptp(logs) == 0:
        return 0.0
    return float(np.exp(threshold_otsu(logs)))  # type: ignore[no-untyped-call]


def _profile(box: Mask) -> npt.NDArray[np.float32]:
    """Mean width at `PROFILE` heights, 0 to 1."""
    bands = np.array_split(box, PROFILE) if len(box) >= PROFILE else [box] * PROFILE
    return np.array([band.mean() for band in bands], dtype=np.float32)


def _waist(box: Mask) -> float:
    columns = box.mean(axis=0)
    left, right = np.maximum.accumulate(columns), np.maximum.accumulate(columns[::-1])[::-1]
    banks = np.minimum(left, right)  # what would hold water
    return float(((banks - columns) / np.maximum(banks, 1e-6)).max())


def _nothing(lab: Lab, ground: Mask) -> Outline:
    return Outline(
        mask=np.zeros(lab.shape[:2], dtype=np.bool_),
        ground=ground,
        share=0.0,
        centre_x=0.5,
        centre_y=0.5,
        edge_contact=0.0,
        second_share=0.0,
        waist=0.0,
        aspect=1.0,
        contrast=0.0,
        profile=np.zeros(PROFILE, dtype=np.float32),
        fill=0.0,
    )
