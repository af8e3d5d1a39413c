"""Vessel shapes: the profile curve that a potter's wheel would turn, per type and dynasty.

A profile is the outer radius over the height. Units: the widest radius is 1, heights are in the
same unit (a bowl 0.5 as high as wide is 1.0 high).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.world.maths import Array, bell, uniform

SAMPLES = 97
"""Points of a profile, evenly spaced over its height."""

OPEN_TYPES = frozenset({"Bowl", "Plate", "Dish", "Cup", "Washer"})
"""Types whose inside is a large part of the picture."""


@dataclass(frozen=True)
class Profile:
    """One turned shape.

    ``outer`` and ``inner`` are radii [SAMPLES] from foot to rim (``inner`` is 0 below the floor).
    """

    height: float
    outer: Array
    inner: Array
    floor: float
    foot_top: float
    """Height at which the foot ring ends and the wall begins."""
    spout: bool
    fill: float
    """How large the piece stands in the frame, relative to others."""


def profile(kind: str, dynasty: str, strength: float, rng: np.random.Generator, spread: float = 1.0) -> Profile:
    """Draw a shape of type ``kind``.

    ``strength`` (0..1) is how plainly the dynasty shows; ``spread`` widens the variation of shape.
    """
    song = 1.0 if dynasty == "Song" else -1.0
    foot_scale = 1.0 - 0.16 * strength * song + bell(rng, 0.03)
    tall = 1.0 + 0.07 * strength * song + bell(rng, 0.025 * spread)
    wall = 0.055 - 0.025 * strength * song + uniform(rng, -0.008, 0.008)
    knots, ratio, fill = _KNOTS[kind](rng, foot_scale, spread)
    if kind == "Pot" and rng.random() < 0.4:
        knots, ratio = _lidded(knots), ratio * 1.17
    height = 2.0 * ratio * tall
    heights = np.linspace(0.0, 1.0, SAMPLES, dtype=np.float32)
    outer = _smooth(heights, knots)
    outer = outer / outer.max()
    closed = kind not in OPEN_TYPES
    foot_top = knots[1][0]
    floor = foot_top + (0.02 if closed else 0.06)
    thick = wall * (1.4 if kind in ("Plate", "Dish") else 1.0)
    inner = np.maximum(outer - np.float32(thick), np.float32(0.02))
    inner[heights < floor] = 0.0
    return Profile(
        height=height,
        outer=outer.astype(np.float32),
        inner=inner.astype(np.float32),
        floor=floor * height,
        foot_top=foot_top * height,
        spout=kind == "Pot",
        fill=fill,
    )


Knots = list[tuple[float, float]]


def _bowl(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.34, 0.44)
    ratio = 0.47 + bell(rng, 0.045 * spread)
    if rng.random() < 0.3:  # conical
        knots = [(0, f), (0.09, f * 0.95), (0.12, f * 1.0), (0.5, 0.66), (0.85, 0.92), (1, 1.0)]
    else:
        b = uniform(rng, 0.76, 0.86)
        lip = uniform(rng, 0.92, 0.99)
        knots = [(0, f), (0.09, f * 0.95), (0.13, f * 1.1), (0.42, b), (0.8, lip), (1, 1.0)]
    return knots, ratio, 0.95


def _cup(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.42, 0.54)
    ratio = 0.74 + bell(rng, 0.06 * spread)
    b = uniform(rng, 0.84, 0.93)
    lip = uniform(rng, 0.9, 0.97)
    knots = [(0, f), (0.1, f * 0.92), (0.14, f * 1.05), (0.34, b), (0.75, lip), (1, 1.0)]
    return knots, ratio, 0.74


def _plate(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.56, 0.66)
    ratio = 0.145 + bell(rng, 0.016 * spread)
    if rng.random() < 0.5:  # flat flange
        knots = [(0, f), (0.25, f), (0.35, f * 1.12), (0.78, 0.8), (0.92, 0.92), (1, 1.0)]
    else:
        knots = [(0, f), (0.25, f), (0.35, f * 1.12), (0.6, 0.86), (0.85, 0.96), (1, 1.0)]
    return knots, ratio, 1.08


def _dish(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.46, 0.58)
    ratio = 0.235 + bell(rng, 0.022 * spread)
    knots = [(0, f), (0.14, f), (0.2, f * 1.15), (0.5, 0.84), (0.82, 0.96), (1, 1.0)]
    return knots, ratio, 0.78


def _washer(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.72, 0.8)
    ratio = 0.32 + bell(rng, 0.028 * spread)
    b = uniform(rng, 0.9, 0.97)
    knots = [(0, f), (0.07, f), (0.12, b - 0.03), (0.2, b), (0.6, b + 0.02), (1, 1.0)]
    return knots, ratio, 0.92


def _vase(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.5, 0.62)
    form = int(rng.integers(3))
    m = uniform(rng, -0.03, 0.03)
    if form == 0:  # meiping: high shoulder, small mouth
        knots = [(0, f), (0.03, f), (0.3, 0.7 + m), (0.62, 0.98), (0.76, 1.0), (0.88, 0.72)]
        knots += [(0.925, 0.34), (0.955, 0.32), (1, 0.42)]
        ratio = 1.5 + bell(rng, 0.08 * spread)
    elif form == 1:  # yuhuchun: pear body, flaring neck
        knots = [(0, f), (0.04, f * 0.98), (0.14, 0.84 + m), (0.3, 1.0), (0.46, 0.82), (0.64, 0.42)]
        knots += [(0.8, 0.31), (0.93, 0.42), (1, 0.62)]
        ratio = 1.68 + bell(rng, 0.09 * spread)
    else:  # long neck on a globe
        knots = [(0, f), (0.04, f), (0.14, 0.88 + m), (0.27, 1.0), (0.41, 0.8), (0.52, 0.34)]
        knots += [(0.72, 0.27), (0.9, 0.28), (1, 0.38)]
        ratio = 1.72 + bell(rng, 0.10 * spread)
    return knots, ratio, 1.0


def _jar(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.52, 0.64)
    m = uniform(rng, -0.04, 0.04)
    mouth = uniform(rng, 0.52, 0.64)
    knots = [(0, f), (0.04, f), (0.25, 0.8 + m), (0.5, 0.98), (0.63, 1.0), (0.78, 0.88)]
    knots += [(0.88, mouth), (0.94, mouth - 0.02), (1, mouth + 0.06)]
    return knots, 0.84 + bell(rng, 0.05 * spread), 0.9


def _pot(rng: np.random.Generator, foot: float, spread: float) -> tuple[Knots, float, float]:
    f = foot * uniform(rng, 0.54, 0.66)
    m = uniform(rng, -0.04, 0.04)
    if rng.random() < 0.5:  # melon body, short neck
        knots = [(0, f), (0.05, f), (0.22, 0.86 + m), (0.45, 1.0), (0.66, 0.84), (0.78, 0.5)]
        knots += [(0.86, 0.36), (1, 0.42)]
        ratio = 0.80 + bell(rng, 0.05 * spread)
    else:  # ewer: ovoid body, tall neck
        knots = [(0, f), (0.04, f), (0.2, 0.84 + m), (0.4, 1.0), (0.56, 0.82), (0.68, 0.42)]
        knots += [(0.82, 0.33), (1, 0.44)]
        ratio = 1.12 + bell(rng, 0.07 * spread)
    return knots, ratio, 0.84


def _lidded(knots: Knots) -> Knots:
    """The same body with a domed lid and a knob on its mouth."""
    mouth = knots[-1][1]
    body = [(h * 0.84, r) for h, r in knots]
    return [*body, (0.87, mouth + 0.03), (0.93, mouth * 0.6), (0.95, 0.08), (0.975, 0.12), (1, 0.05)]


_KNOTS = {
    "Bowl": _bowl,
    "Cup": _cup,
    "Plate": _plate,
    "Dish": _dish,
    "Washer": _washer,
    "Vase": _vase,
    "Jar": _jar,
    "Pot": _pot,
}

TYPES = tuple(_KNOTS)


def _smooth(at: Array, knots: Knots) -> Array:
    """Cubic through the knots with limited slopes (Fritsch-Carlson), so that it never overshoots."""
    x = np.array([k[0] for k in knots], dtype=np.float32)
    y = np.array([k[1] for k in knots], dtype=np.float32)
    step = np.diff(x)
    slope = np.diff(y) / step
    tangent = np.empty_like(y)
    tangent[0], tangent[-1] = slope[0], slope[-1]
    same = slope[1:] * slope[:-1] > 0
    whole = np.where(same, slope[1:] + slope[:-1], np.float32(1.0))
    tangent[1:-1] = np.where(same, 2.0 * slope[1:] * slope[:-1] / whole, 0.0)
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(step) - 1)
    t = (at - x[i]) / step[i]
    t2, t3 = t * t, t * t * t
    curve = (2 * t3 - 3 * t2 + 1) * y[i] + (t3 - 2 * t2 + t) * step[i] * tangent[i]
    curve += (3 * t2 - 2 * t3) * y[i + 1] + (t3 - t2) * step[i] * tangent[i + 1]
    smooth: Array = curve.astype(np.float32)
    return smooth
