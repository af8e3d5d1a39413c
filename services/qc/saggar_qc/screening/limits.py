"""Limits of what a picture may measure, taken from real photographs of the same collection.

A limit is the most extreme value among the reference photographs, after a small share of them has been left
out: the most isolated ones, which are faulty themselves or of another kind. So one number, that share, sets
all limits, and with it how many sound images are rejected. Where there are few photographs, their extremes
lie too near: the limit is then moved outwards, as if the tail were exponential, to where the extreme of
`_ENOUGH` photographs would be expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.job_settings.reject_reasons import Reason

LEAST_PHOTOGRAPHS = 30  # fewer have no tails to speak of: nothing is calibrated
_ENOUGH = 1_200
_TAIL, _SHOULDER = 0.02, 0.2  # shares of the photographs beyond the points between which a tail is measured
_FARTHEST_GAP = 2.0  # tail widths; how far one is beyond the next counts no more than this

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One side of one number of `Picture.values`, or of `Reference.scores`."""

    name: str
    high: bool  # too high is wrong, otherwise too low
    reason: Reason
    words: str
    step: float  # a difference too small to judge by; of the logarithm where that is measured
    logarithmic: bool = False  # how its tail is measured


@dataclass(frozen=True)
class Limit:
    """`measure` may not go beyond `value`. `beyond` of `count` reference photographs do."""

    measure: Measure
    value: float
    beyond: int
    count: int

    def is_passed_by(self, value: float) -> bool:
        return value > self.value if self.measure.high else value < self.value


MEASURES: tuple[Measure, ...] = (
    Measure("sharpness", False, Reason.BLURRED, "variance of the Laplacian", 0.1, True),
    Measure("rim_sharpness", False, Reason.BLURRED, "steepness of the object's rim", 0.05, True),
    Measure("noise", True, Reason.NOISY, "standard deviation of noise", 0.05, True),
    Measure("blocks", True, Reason.COMPRESSED, "step across the 8-pixel grid", 0.02),
    Measure("flat_share", True, Reason.COMPRESSED, "share without any gradient", 0.01),
    Measure("light", False, Reason.EXPOSURE, "mean lightness", 1.0),
    Measure("light", True, Reason.EXPOSURE, "mean lightness", 1.0),
    Measure("bright_end", False, Reason.EXPOSURE, "lightness of the brightest parts", 1.0),
    Measure("clipped_bright", True, Reason.EXPOSURE, "share of white pixels", 0.005),
    Measure("chroma", False, Reason.COLOUR, "chroma of the most colourful parts", 0.3),
    Measure("ground_cast", True, Reason.COLOUR, "distance of the ground's tint from the photographs'", 0.2),
    Measure("glaze_distance", True, Reason.COLOUR, "distance of the object's colour from its glaze's", 0.2),
    Measure("object_share", False, Reason.NO_OBJECT, "share of the picture that is object", 0.05, True),
    Measure("contrast", False, Reason.NO_OBJECT, "how far the object stands out", 0.05, True),
    Measure("object_share", True, Reason.CUT_OFF, "share of the picture that is object", 0.05, True),
    Measure("edge_contact", True, Reason.CUT_OFF, "share of an edge that the object covers", 0.02),
    Measure("off_centre_x", True, Reason.OFF_CENTRE, "distance of the object from the middle", 0.01),
    Measure("centre_y", False, Reason.OFF_CENTRE, "height of the object's middle, from the top", 0.01),
    Measure("centre_y", True, Reason.OFF_CENTRE, "height of the object's middle, from the top", 0.01),
    Measure("second_share", True, Reason.SEVERAL_OBJECTS, "second object, of the first one's area", 0.02),
    Measure("waist", True, Reason.SEVERAL_OBJECTS, "depth of the valley between two humps", 0.02),
    Measure("frame", True, Reason.FRAME, "difference between the rim and the inside", 0.5),
    Measure("seam", True, Reason.SEAM, "step along a line through the whole picture", 1.0),
    Measure("overlay", True, Reason.LETTERING, "share of one colour beside strong edges", 0.1, True),
    Measure("stray_detail", True, Reason.LETTERING, "detail away from the object", 0.05, True),
    Measure("upside_down", True, Reason.UPSIDE_DOWN, "distance from the photographs, over that when turned", 0.01),
    Measure("unfamiliar", True, Reason.UNFAMILIAR, "distance from the nearest photographs in feature space", 0.1),
)

# What the photographs decide, and not a fixed threshold.
CALIBRATED = frozenset({measure.reason for measure in MEASURES} | {Reason.IMPROBABLE_CLASS})


def calibrate(
    values: Mapping[str, npt.NDArray[np.floating]], share: float, measures: Sequence[Measure] = MEASURES
) -> tuple[Limit, ...]:
    """Limits from the photographs' values [N] by name (NaN where one has none).

    `share` of the photographs, 0 to 1, is left out. Measures with fewer than `LEAST_PHOTOGRAPHS` values get
    no limit.
    """
    known = [m for m in measures if m.name in values and np.isfinite(values[m.name]).sum() >= LEAST_PHOTOGRAPHS]
    if not known:
        return ()
    heights = np.column_stack([_height(m, np.asarray(values[m.name], dtype=np.float64)) for m in known])
    steps = np.array([m.step for m in known])
    tops = _extremes(heights, steps, round(share * len(heights)))
    limits = []
    for measure, top, column in zip(known, tops, heights.T, strict=True):
        value = _value(measure, top)
        finite = column[np.isfinite(column)]
        limits.append(Limit(measure, value, int((finite > top).sum()), len(finite)))
    return tuple(limits)


def _extremes(heights: Float64, steps: Float64, budget: int) -> Float64:
    """[M] highest of heights [N, M] after `budget` rows are left out, moved outwards: by a step at least, by
    more where N is small.

    Each time the row goes that frees most: the sum, over the columns that it leads, of its distance from the
    next, in widths of the tail.
    """
    filled = np.where(np.isfinite(heights), heights, -np.inf)
    width = np.maximum(_tail_width(heights), steps)
    kept = np.ones(len(filled), dtype=np.bool_)
    for _ in range(min(budget, len(filled) - LEAST_PHOTOGRAPHS)):
        rows = np.flatnonzero(kept)
        left = filled[rows]
        order = np.argpartition(-left, 1, axis=0)[:2]
        pair = np.take_along_axis(left, order, axis=0)
        leads = np.where(pair[0] >= pair[1], order[0], order[1])
        with np.errstate(invalid="ignore"):
            gaps = np.abs(pair[0] - pair[1]) / width
        gains = np.zeros(len(rows))
        np.add.at(gains, leads, np.minimum(np.nan_to_num(gaps), _FARTHEST_GAP))
        kept[rows[gains.argmax()]] = False
    tops: Float64 = filled[kept].max(axis=0)
    counts = np.isfinite(heights).sum(axis=0)
    scale = width / np.log(_SHOULDER / _TAIL)  # over which an exponential tail falls by e
    outwards: Float64 = np.maximum(scale * np.log(np.maximum(_ENOUGH / counts, 1.0)), steps)
    return tops + outwards


def _tail_width(heights: Float64) -> Float64:
    low, high = np.nanquantile(heights, (1 - _SHOULDER, 1 - _TAIL), axis=0)
    width: Float64 = high - low
    return width


def _height(measure: Measure, values: Float64) -> Float64:
    """Higher is worse."""
    scaled = np.log(np.maximum(values, 0) + 1e-4) if measure.logarithmic else values
    return scaled if measure.high else -scaled


def _value(measure: Measure, height: float) -> float:
    scaled = height if measure.high else -height
    return float(np.exp(scaled) - 1e-4 if measure.logarithmic else scaled)
