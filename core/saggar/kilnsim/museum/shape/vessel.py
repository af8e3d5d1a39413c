"""A vessel: the curve of one form at many heights, in the way its dynasty makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.museum.exact import Array, Draws, step
from saggar.kilnsim.museum.shape import forms_closed, forms_open
from saggar.kilnsim.museum.shape.form import Form, Knots, Legs, Make

SAMPLES = 97
"""Points of a profile, evenly spaced over its height."""

FORMS = {
    "Bowl": forms_open.bowl,
    "Plate": forms_open.plate,
    "Vase": forms_closed.vase,
    "Jar": forms_closed.jar,
    "Pot": forms_closed.pot,
    "Cup": forms_open.cup,
    "TeaB": forms_open.tea_bowl,
    "TeaB-S": forms_open.tea_bowl_stand,
    "Washer": forms_open.washer,
    "Censer": forms_closed.censer,
    "Brush": forms_closed.brush_pot,
    "Zun": forms_closed.zun,
    "Basin": forms_closed.water_basin,
    "Pillow": forms_closed.pillow,
    "Plan": forms_open.planter,
    "PlanS": forms_open.planter_stand,
    "Cheng": forms_closed.water_container,
    "Gui": forms_open.gui,
    "Box": forms_closed.box,
    "Dish": forms_open.dish,
}
"""Type code -> the function that draws one of its forms."""


@dataclass(frozen=True)
class Vessel:
    """One piece's shape; ``outer``, ``inner``, ``arc`` and ``lobed`` are float32 [SAMPLES]."""

    form: Form
    height: float
    outer: Array
    inner: Array
    """Radius of the hollow, 0 below its floor."""
    arc: Array
    """Length of the wall from the foot up."""
    lobed: Array
    """How plainly a lobed section shows at this height, 0..1."""
    floor: float
    foot_top: float
    """Height at which the foot ends and the wall begins."""
    lift: float
    """How far legs raise the body above the ground."""
    song: bool


def make_vessel(kind: str, dynasty: str, draws: Draws) -> Vessel:
    """Draw a shape of type ``kind`` as ``dynasty`` makes it."""
    song = dynasty == "Song"
    sign = 1.0 if song else -1.0
    make = Make(
        song=song,
        foot=1.0 - 0.13 * sign + draws.around(0.0, 0.035),
        tall=1.0 + 0.05 * sign + draws.around(0.0, 0.025),
        wall=0.056 - 0.024 * sign + draws.around(0.0, 0.004),
    )
    form = FORMS[kind](draws, make)
    height = 2.0 * form.ratio * make.tall
    share = np.arange(SAMPLES, dtype=np.float64) / (SAMPLES - 1)
    curve = smooth(share, form.knots)
    outer = (curve / curve.max()).astype(np.float32)
    foot_top = form.knots[1][0]
    floor = form.floor or foot_top + (0.06 if form.open else 0.03)
    thick = np.float32(make.wall * form.wall)
    inner = np.maximum(outer - thick, np.float32(0.02))
    inner[share < floor] = 0.0
    legs = [fitting.height for fitting in form.fittings if isinstance(fitting, Legs)]
    return Vessel(
        form=form,
        height=height,
        outer=outer,
        inner=inner,
        arc=_arc(outer, height),
        lobed=step(foot_top, foot_top + 0.3, share.astype(np.float32)),
        floor=floor * height,
        foot_top=foot_top * height,
        lift=max(legs, default=0.0),
        song=song,
    )


def smooth(share: Array, knots: Knots) -> Array:
    """Cubic through the knots with limited slopes (Fritsch and Carlson 1980), so it never overshoots."""
    x = np.array([knot[0] for knot in knots], dtype=np.float64)
    y = np.array([knot[1] for knot in knots], dtype=np.float64)
    width = x[1:] - x[:-1]
    slope = (y[1:] - y[:-1]) / width
    tangent = np.empty_like(y)
    tangent[0], tangent[-1] = slope[0], slope[-1]
    same = slope[1:] * slope[:-1] > 0
    whole = np.where(same, slope[1:] + slope[:-1], 1.0)
    tangent[1:-1] = np.where(same, 2.0 * slope[1:] * slope[:-1] / whole, 0.0)
    i = np.clip(np.searchsorted(x, share, side="right") - 1, 0, len(width) - 1)
    t = (share - x[i]) / width[i]
    t2 = t * t
    t3 = t2 * t
    start = (2.0 * t3 - 3.0 * t2 + 1.0) * y[i] + (t3 - 2.0 * t2 + t) * width[i] * tangent[i]
    end = (3.0 * t2 - 2.0 * t3) * y[i + 1] + (t3 - t2) * width[i] * tangent[i + 1]
    return np.asarray(start + end)


def _arc(outer: Array, height: float) -> Array:
    rise = np.float32(height / (SAMPLES - 1))
    step_out = outer[1:] - outer[:-1]
    lengths = np.sqrt(step_out * step_out + rise * rise)
    total = [0.0]
    for length in lengths.tolist():
        total.append(total[-1] + length)
    return np.array(total, dtype=np.float32)
