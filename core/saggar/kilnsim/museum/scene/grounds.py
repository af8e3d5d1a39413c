"""What stands around the piece: a studio's paper sweep, a wall, a case, a cloth; and the piece's shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.museum.exact import RGB, Array, Draws, line, noise, step, wave
from saggar.kilnsim.museum.scene.light import Light
from saggar.kilnsim.museum.shape.sight import View, grid
from saggar.kilnsim.museum.shape.vessel import Vessel

KINDS = {"sweep": 0.6, "bright": 0.14, "wall": 0.08, "case": 0.09, "cloth": 0.09}


@dataclass(frozen=True)
class Ground:
    """One photograph's surroundings."""

    kind: str
    top: RGB
    floor: RGB
    horizon: float
    """Where the floor ends, in half pictures above the piece's base."""
    shadow: float
    mirror: float
    """How plainly a polished shelf shows the piece upside down."""


def surroundings(draws: Draws) -> Ground:
    """A museum's backgrounds: mostly grey paper from dark to light, some white, few coloured."""
    kind = draws.weighed(KINDS)
    mirror = 0.0
    if kind == "bright":
        top = _tone(draws, draws.between(0.74, 0.93), 0.012)
        floor = _tone(draws, draws.between(0.82, 0.95), 0.01)
    elif kind == "sweep":
        grey = draws.between(0.06, 0.38)
        top = _tone(draws, grey, 0.012)
        floor = _tone(draws, grey + draws.between(0.12, 0.45), 0.012)
    else:
        tint = draws.weighed({0.012: 0.6, 0.03: 0.3, 0.07: 0.1})
        top = _tone(draws, draws.between(0.1, 0.8), tint)
        floor = _tone(draws, draws.between(0.15, 0.8), tint * 0.6)
        if kind == "cloth":
            floor = top
    if kind == "case" or draws.chance(0.08):
        mirror = draws.between(0.08, 0.35)
    return Ground(
        kind=kind,
        top=top,
        floor=floor,
        horizon=draws.between(0.05, 0.5),
        shadow=draws.between(0.5, 0.85),
        mirror=mirror,
    )


def _tone(draws: Draws, grey: float, tint: float) -> RGB:
    return tuple(min(max(grey + draws.around(0.0, tint), 0.03), 0.97) for _ in range(3))  # type: ignore[return-value]


def draw(ground: Ground, view: View, vessel: Vessel, lamp: Light, size: int, draws: Draws) -> Array:
    """The background with the piece's shadow, float32 [3, size, size]."""
    xs, ys = grid(view, size)
    x = xs[None, :]
    y = ys[:, None] + np.float32(vessel.lift * view.cos)  # 0 where the piece stands
    across = (xs[None, :] - view.centre_x) * (1.0 / view.scale)
    up = (ys[:, None] - view.centre_y) * (1.0 / view.scale)
    weight, shading = _layout(ground, across, up, y * (1.0 / view.scale), size, draws)
    glow = across + np.float32(0.25 if lamp.key[0] > 0 else -0.25)
    falloff = 1.0 - np.float32(draws.between(0.04, 0.2)) * (glow * glow + up * up)
    shade = shading * falloff * (1.0 - _shadow(ground, view, vessel, lamp, x, y))
    canvas = np.empty((3, size, size), dtype=np.float32)
    for channel, top, floor in zip(canvas, ground.top, ground.floor, strict=True):
        channel[:] = (np.float32(top) + np.float32(floor - top) * weight) * shade
    return canvas


def _layout(ground: Ground, across: Array, up: Array, above: Array, size: int, draws: Draws) -> tuple[Array, Array]:
    """Per pixel the share of floor, and a factor on its brightness."""
    if ground.kind == "sweep":
        reach = draws.between(0.35, 1.3)
        return step(draws.between(-0.2, 0.2) + reach, draws.between(-0.7, -0.2), up), np.ones_like(up)
    if ground.kind == "bright":
        return step(0.6, -0.6, up), np.ones_like(up)
    edge = above - np.float32(ground.horizon)
    if ground.kind == "wall":
        return step(0.01, -0.01, edge), 1.0 + up * 0.1
    if ground.kind == "case":
        shade = np.ones_like(across + up)
        post = draws.between(0.6, 0.95) * draws.pick((-1.0, 1.0))
        shade = shade - line(across, post, 0.03) * (edge > 0) * 0.35
        sheen = across + up * np.float32(draws.between(-0.6, 0.6))
        shade = shade + line(sheen, draws.between(-0.9, 0.9), 0.12) * 0.07
        shelf = line(above, -draws.between(0.16, 0.4), 0.02) * 0.4
        return step(0.01, -0.01, edge), shade - shelf
    folds = noise(draws.lattice(), across * 1.6 + up * 0.7 + 9.0, up * 1.2 + 9.0)
    period = max(draws.between(0.012, 0.03), 5.0 / size)
    weave = wave(across * (1.0 / period)) * wave(up * (1.0 / period))
    return np.zeros_like(up), 1.0 + folds * np.float32(draws.between(0.04, 0.2)) + weave * 0.04


def _shadow(ground: Ground, view: View, vessel: Vessel, lamp: Light, x: Array, y: Array) -> Array:
    """Dark under the foot, and a longer soft shadow away from the lamp."""
    deep = vessel.form.section.deep
    foot = float(vessel.outer[0])
    flat = max(view.sin, 0.10) * deep
    cx, cy = x * np.float32(1.0 / (foot * 1.02)), y * np.float32(1.0 / (foot * 1.02 * flat))
    contact = cx * cx + cy * cy
    wide = foot * 0.5 + 0.5
    away = -lamp.key[0] * (0.35 + 0.25 * min(vessel.height, 1.6))
    back = 0.25 * view.sin
    dx, dy = (x - np.float32(away)) * (1.0 / wide), (y - np.float32(back)) * (1.0 / (wide * flat * 1.1))
    far = dx * dx + dy * dy
    long = np.float32(0.7 * ground.shadow) / (1.0 + far * far)
    close = np.float32(1.15 * ground.shadow) / (1.0 + contact * contact)
    return np.asarray(np.minimum(np.maximum(long, close), 0.9))
