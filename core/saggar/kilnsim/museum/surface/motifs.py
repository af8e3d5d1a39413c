"""Decoration as fields: how deep a line is cut, how high relief stands, where a brush leaves ink, 0..1.

``turns`` go around the vessel, ``band`` from the foot (or the middle of the well) to the rim, 0..1.
"""

from __future__ import annotations

import numpy as np

from saggar.kilnsim.museum.exact import Array, Draws, borders, line, noise, step, turn, wave
from saggar.kilnsim.museum.surface.skin import Skin


def belt(band: Array, low: float, high: float, soft: float = 0.02) -> Array:
    """1 between ``low`` and ``high``."""
    return step(low - soft, low + soft, band) * step(high + soft, high - soft, band)


def combed(skin: Skin, table: Array) -> Array:
    """Slanting lines of a comb, in passages."""
    period = 0.85
    slant = wave(skin.u * (1.0 / period) + skin.v * 0.45 + skin.rough * 0.5)
    passages = step(-0.25, 0.25, skin.noise(table, 0.3, 0.35, 5.0))
    return step(0.1, 0.9, slant) * passages * skin.sharp(period)


def carved(skin: Skin, table: Array) -> Array:
    """Deep bold scrolls, cut with a slanted knife: sharp on one side, running out on the other."""
    field = noise(table, skin.u * 0.55, skin.v * 0.6) * 2.6
    ramp = field - np.floor(field)
    return step(0.0, 0.75, ramp) * step(1.0, 0.86, ramp)


def incised(skin: Skin, table: Array) -> Array:
    """Thin flowing lines."""
    field = noise(table, skin.u * 0.5, skin.v * 0.55) * 2.3
    off = np.abs(field - np.floor(field + 0.5))
    width = max(0.10, skin.fine * 0.35)
    return step(width, width * 0.3, off) * min(1.0, 0.16 / width)


def petals(skin: Skin, count: int, top: float) -> tuple[Array, Array]:
    """Lotus petals around the wall up to ``top``: their relief (-1..1) and the valleys between them."""
    s = skin.round * count
    across = np.abs(s - np.floor(s) - 0.5) * 2.0  # 0 on the midrib, 1 between two petals
    tip = top - 0.2 * across * across
    on = step(tip + 0.02, tip - 0.03, skin.band)
    rib = (1.0 - across * across) * on
    outline = np.maximum(step(0.8, 1.0, across) * on, line(skin.band - tip, 0.0, 0.03))
    return rib * 1.4 - 0.7 * on, outline


def flutes(skin: Skin, count: int) -> Array:
    """Narrow upright ribs, as of a chrysanthemum, -1..1."""
    return wave(skin.round * count) * skin.sharp(32.0 / count)


def moulded(skin: Skin, count: int) -> Array:
    """Low relief from a mould: rows of florets and a border, -1..1."""
    s, t = skin.round * count, skin.band * 4.0
    row = np.floor(t)
    dx = s + 0.5 * row - np.floor(s + 0.5 * row) - 0.5
    dy = t - row - 0.5
    rho = np.sqrt(dx * dx + dy * dy)
    floret = wave(turn(dx, dy) * 5.0) * 0.08 + 0.34 - rho
    relief = step(-0.08, 0.08, floret) - step(0.1, 0.18, floret) * 0.7
    edge = line(t - row, 0.0, 0.09) + line(t - row, 1.0, 0.09)
    return (np.maximum(relief, edge) * 2.0 - 0.8) * skin.sharp(32.0 / count * 0.5)


def rings(skin: Skin, at: tuple[float, ...], width: float = 0.022) -> Array:
    """Grooves all the way round."""
    width = max(width, skin.fine * 0.08)
    grooves = np.zeros(len(skin.band), dtype=np.float32)
    for place in at:
        grooves = np.maximum(grooves, line(skin.band, place, width))
    return grooves


def vine(s: Array, t: Array, petals_: int, aspect: float) -> tuple[Array, Array]:
    """A scroll of flowers and leaves along a band (t 0..1 across it, s in repeats): outlines and wash."""
    tile = np.floor(s)
    dx, up = (s - tile - 0.5) * aspect, (t - 0.5)
    lift = np.where(tile * 0.5 == np.floor(tile * 0.5), np.float32(0.07), np.float32(-0.07))
    dy = up - lift
    rho = np.sqrt(dx * dx + dy * dy)
    edge = wave(turn(dx, dy) * float(petals_)) * 0.07 + 0.28
    head = step(0.02, -0.02, rho - edge)
    outline = line(rho - edge, 0.0, 0.06) + step(0.1, 0.06, rho)
    stem = line(up - 0.33 * wave(s * 0.5 + 0.25), 0.0, 0.075) * (1.0 - head)
    lx = aspect * 0.5 - np.abs(dx)
    leaf = np.zeros(len(s), dtype=np.float32)
    for side in (-1.0, 1.0):
        ly = np.abs(up - 0.25 * side) + np.abs(lx - 0.12) * 0.5
        leaf = np.maximum(leaf, step(0.17, 0.11, ly))
    outline = np.clip(np.maximum(outline, stem), 0.0, 1.0)
    return outline, np.clip(np.maximum(head * 0.5, leaf), 0.0, 1.0)


def panels(s: Array, t: Array) -> Array:
    """A border of upright lappets, outlined twice."""
    across = np.abs(s - np.floor(s) - 0.5) * 2.0
    shape = t + across * across * 0.45
    return np.maximum(line(shape, 0.92, 0.14), line(shape, 0.6, 0.12))


def rosette(skin: Skin, count: int, size: float) -> tuple[Array, Array]:
    """A flower in the middle of the well: outlines and wash."""
    edge = wave(skin.round * float(count)) * (0.22 * size) + 0.7 * size
    r = skin.band
    outline = np.maximum(line(r - edge, 0.0, 0.05), line(r, size * 0.22, 0.045))
    spokes = step(0.25, 0.0, np.abs(wave(skin.round * (count * 0.5)))) * belt(r, size * 0.25, size * 0.6)
    return np.maximum(outline, spokes * 0.8), step(0.02, -0.02, r - edge)


def crackle(skin: Skin, size: float, width: float, draws: Draws) -> Array:
    """A net of cracks; ``size`` of its meshes and ``width`` of its lines in lattice cells."""
    points = draws.table(32, 32, 2)
    border = borders(points, skin.u * (1.0 / size), skin.v * (1.0 / size))
    real = width / size
    drawn = max(real, skin.fine * 1.3 / size)
    return step(drawn, drawn * 0.3, border) * min(1.0, 0.25 + 0.75 * real / drawn)


def spots(skin: Skin, size: float, radius: float, draws: Draws) -> Array:
    """Round spots, about one to a mesh of ``size`` lattice cells; ``radius`` as a share of it."""
    u, v = skin.u * (1.0 / size), skin.v * (1.0 / size)
    fu, fv = np.floor(u), np.floor(v)
    at = (fv.astype(np.int32) & 31) * 32 + (fu.astype(np.int32) & 31)
    px, py, pr = (draws.table(32, 32).ravel().take(at) for _ in range(3))
    dx, dy = u - fu - (px * 0.5 + 0.25), v - fv - (py * 0.5 + 0.25)
    big = radius * (0.4 + 0.6 * pr)
    return np.asarray(step(1.0, 0.6, np.sqrt(dx * dx + dy * dy) / big))
