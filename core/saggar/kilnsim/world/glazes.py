"""Glazes: colour over the surface, how glossy it is, and the kiln's hand in it.

``coat`` gives the colour of each visible point before light falls on it. Colours are sRGB 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.pieces import Piece
from saggar.kilnsim.world.geometry import INSIDE, LIP, OUTSIDE, Surface
from saggar.kilnsim.world.maths import (
    NOISE_CELLS,
    Array,
    bell,
    cells,
    lattice,
    mix,
    noise,
    step,
    uniform,
    wave,
)
from saggar.kilnsim.world.profiles import Profile

CELLS_PER_UNIT = 5.1
"""Lattice cells per profile unit: NOISE_CELLS around a circle of radius 1."""

RGB = tuple[float, float, float]

# Each glaze lies on a line between two colours; neighbours (white and ivory white, celadon and moon
# white, white and bluish white) come close to each other on purpose.
PALETTE: dict[str, tuple[RGB, RGB]] = {
    "Celadon": ((0.52, 0.62, 0.49), (0.57, 0.67, 0.60)),
    "White": ((0.86, 0.86, 0.84), (0.93, 0.93, 0.91)),
    "IvoryW": ((0.87, 0.81, 0.66), (0.92, 0.87, 0.75)),
    "MoonW": ((0.60, 0.70, 0.75), (0.71, 0.79, 0.83)),
    "Brown": ((0.36, 0.19, 0.09), (0.52, 0.30, 0.15)),
    "Black": ((0.06, 0.05, 0.06), (0.13, 0.11, 0.11)),
    "BluishW": ((0.69, 0.83, 0.84), (0.79, 0.89, 0.89)),
    "BlueW": ((0.83, 0.86, 0.88), (0.90, 0.92, 0.93)),
}
DEEP: dict[str, RGB] = {  # where the glaze pools
    "Celadon": (0.30, 0.44, 0.30),
    "White": (0.76, 0.77, 0.76),
    "IvoryW": (0.72, 0.60, 0.40),
    "MoonW": (0.42, 0.55, 0.66),
    "Brown": (0.22, 0.10, 0.05),
    "Black": (0.03, 0.025, 0.03),
    "BluishW": (0.46, 0.70, 0.74),
    "BlueW": (0.70, 0.78, 0.84),
}
GLOSS = {
    "Celadon": 0.55,
    "White": 0.7,
    "IvoryW": 0.5,
    "MoonW": 0.4,
    "Brown": 0.7,
    "Black": 0.95,
    "BluishW": 0.85,
    "BlueW": 0.75,
}
COBALT: RGB = (0.13, 0.22, 0.56)
GLAZES = tuple(PALETTE)


@dataclass(frozen=True)
class Coat:
    """Colour [n, 3] of each visible point; gloss and bump (a shading offset) [n]."""

    colour: Array
    gloss: Array
    bump: Array


@dataclass(frozen=True)
class Style:
    """How a domain draws: strength of kiln and dynasty traits, spread of colours, line width."""

    traits: float
    spread: float
    coarse: float


def coat(piece: Piece, surface: Surface, shape: Profile, style: Style, rng: np.random.Generator) -> Coat:
    """Glaze the visible surface and leave the kiln's and dynasty's marks on it."""
    s, glaze, kiln, dynasty = surface, piece.glaze, piece.kiln, piece.dynasty
    mottle = lattice(rng)
    fine = lattice(rng)
    inside = s.part == INSIDE
    u = np.where(inside, s.x, s.around * np.float32(2 * 3.14159265)) * np.float32(CELLS_PER_UNIT)
    v = np.where(inside, s.z, s.h) * np.float32(CELLS_PER_UNIT) + np.float32(11.0)
    rough = noise(mottle, u * np.float32(0.6), v * np.float32(0.6))

    light, dark = (np.array(c, dtype=np.float32) for c in PALETTE[glaze])
    base = light + (dark - light) * np.float32(uniform(rng, 0.0, 1.0))
    lift = bell(rng, 0.022 * style.spread)
    tint = np.array([bell(rng, 0.014 * style.spread) for _ in range(3)], dtype=np.float32)
    base = np.clip(base * np.float32(1.0 + lift) + tint, 0.02, 0.98)
    deep = np.array(DEEP[glaze], dtype=np.float32)

    # Glaze runs down and gathers above the foot, in the well and under the rim's turn.
    thick = step(0.55, 0.05, s.along) * np.float32(0.45)
    thick = np.where(inside, step(0.75, 0.1, s.r) * np.float32(0.4), thick)
    thick = thick + rough * np.float32(0.12)
    thick = thick * np.float32(1.7 if kiln == "Long" else 0.7 if kiln == "Jing" else 1.0)
    colour = mix(base, deep, np.clip(thick, 0.0, 0.9)[:, None])
    rim = np.where(inside, step(0.10, 0.0, shape.outer[-1] - s.r), step(0.94, 1.0, s.along))
    rim = np.maximum(rim, (s.part == LIP).astype(np.float32))

    if glaze == "BlueW":
        colour = _cobalt(colour, s, shape, rng, mottle=mottle, u=u, v=v)
    elif glaze == "Black":
        fur = noise(fine, u * np.float32(3.0), v * np.float32(0.35))
        hair = step(0.15, 0.8, fur) * step(0.1, 0.9, s.along) * np.float32(0.45)
        colour = _paint(colour, (0.34, 0.20, 0.10), hair)
        colour = _paint(colour, (0.36, 0.20, 0.10), rim * np.float32(0.5))
    elif glaze == "Brown":
        spots = step(0.35, 0.8, noise(fine, u * np.float32(1.6), v * np.float32(1.6)))
        colour = _paint(colour, (0.62, 0.36, 0.16), spots * np.float32(0.3))
        colour = _paint(colour, (0.62, 0.42, 0.22), rim * np.float32(0.5))
    elif glaze == "MoonW":
        milk = step(-0.2, 0.9, noise(fine, u * np.float32(0.9), v * np.float32(0.9)))
        colour = _paint(colour, (0.82, 0.87, 0.93), milk * np.float32(0.35))
        colour = _paint(colour, (0.62, 0.56, 0.47), rim * np.float32(0.4))
    elif glaze == "Celadon":
        colour = _paint(colour, (0.70, 0.74, 0.62), rim * np.float32(0.5))

    gloss = np.full(len(s.x), GLOSS[glaze], dtype=np.float32)
    bump = np.zeros(len(s.x), dtype=np.float32)
    colour, gloss, bump = _KILNS[kiln](
        _Work(s, shape, style, rng, u, v, mottle, fine, rim, inside), colour, gloss, bump
    )
    colour, bump = _dynasty(dynasty, s, style, rng, colour, bump)
    foot = (s.part == OUTSIDE) & (s.h < shape.foot_top * 0.35)
    colour = _paint(colour, _BODY[kiln], foot.astype(np.float32) * np.float32(0.85))
    return Coat(np.clip(colour, 0.0, 1.0), gloss, bump)


@dataclass(frozen=True)
class _Work:
    s: Surface
    shape: Profile
    style: Style
    rng: np.random.Generator
    u: Array
    v: Array
    mottle: Array
    fine: Array
    rim: Array
    inside: Array


Painted = tuple[Array, Array, Array]

_BODY: dict[str, RGB] = {  # the bare clay of the foot
    "Ding": (0.80, 0.76, 0.68),
    "Jun": (0.42, 0.31, 0.22),
    "Guan": (0.16, 0.12, 0.10),
    "Long": (0.58, 0.36, 0.22),
    "Jing": (0.86, 0.82, 0.76),
    "Jian": (0.15, 0.10, 0.08),
    "CiZ": (0.62, 0.54, 0.44),
    "YaoZ": (0.50, 0.44, 0.36),
}


def _paint(colour: Array, over: RGB, weight: Array) -> Array:
    return mix(colour, np.array(over, dtype=np.float32), weight[:, None])


def _cobalt(
    colour: Array, s: Surface, shape: Profile, rng: np.random.Generator, *, mottle: Array, u: Array, v: Array
) -> Array:
    """Underglaze blue: lines at rim and foot, a scroll on the wall, a flower in the well."""
    inside = s.part == INSIDE
    scroll = noise(mottle, u * np.float32(1.1) + np.float32(5.0), v * np.float32(1.1))
    lines = step(0.16, 0.05, np.abs(scroll - np.float32(uniform(rng, -0.1, 0.1))))
    belt = step(0.12, 0.2, s.along) * step(0.9, 0.8, s.along)
    blobs = step(0.45, 0.6, noise(mottle, u * np.float32(0.8), v * np.float32(0.8)))
    wall = np.maximum(lines, blobs) * belt
    ring = step(0.035, 0.01, np.abs(s.along - np.float32(0.92)))
    ring = np.maximum(ring, step(0.035, 0.01, np.abs(s.along - np.float32(0.14))))
    outside = np.maximum(wall, ring)
    # A flower with a few petals: the radius swings with the angle.
    petals = int(rng.integers(4, 8))
    swing = wave(s.around * np.float32(petals)) * np.float32(0.1) + np.float32(0.27)
    flower = step(0.06, 0.0, np.abs(s.r - swing)) + step(0.1, 0.06, s.r)
    border = step(0.05, 0.015, np.abs(s.r - np.float32(0.55)))
    edge = step(0.05, 0.01, np.abs(s.r - np.float32(shape.outer[-1] - 0.08)))
    band = lines * step(0.58, 0.63, s.r) * step(0.95, 0.85, s.r)
    within = np.maximum(np.maximum(flower, border), np.maximum(edge, band))
    ink = np.where(inside, within, outside) * np.float32(uniform(rng, 0.75, 0.95))
    return _paint(colour, COBALT, np.clip(ink, 0.0, 1.0))


def _ding(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Bare rim bound in copper; fine slanting combed lines."""
    t = w.style.traits
    copper = (0.48, 0.29, 0.14)
    colour = _paint(colour, copper, w.rim * np.float32(0.55 + 0.4 * t))
    slant = wave(w.u * np.float32(0.9 / w.style.coarse) + w.v * np.float32(0.35))
    comb = step(0.35, 0.9, slant) * step(-0.3, 0.3, noise(w.fine, w.u * 0.35, w.v * 0.35))
    colour = colour * (1.0 - (comb * np.float32(0.13 * t))[:, None])
    return colour, gloss, bump - comb * np.float32(0.10 * t)


def _jun(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Opalescent mottling and splashes of copper purple."""
    t = w.style.traits
    milk = noise(w.fine, w.u * np.float32(1.9), w.v * np.float32(1.1))
    colour = np.clip(colour + (milk * np.float32(0.075 * t))[:, None], 0.0, 1.0)
    level = uniform(w.rng, 0.05, 0.3)
    splash = noise(w.mottle, w.u * np.float32(0.45) + np.float32(7.3), w.v * np.float32(0.45))
    weight = step(level, level + 0.35, splash) * np.float32(0.35 + 0.4 * t)
    colour = _paint(colour, (0.46, 0.26, 0.42), weight)
    return colour, gloss * np.float32(0.8), bump


def _guan(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Crackle; a purple-grey mouth and an iron foot."""
    t = w.style.traits
    offsets = w.rng.random((NOISE_CELLS, NOISE_CELLS, 2), dtype=np.float32)
    size = np.float32(uniform(w.rng, 0.62, 0.85) / w.style.coarse)
    border = cells(offsets, w.u * size, w.v * size)
    crack = step(0.13 * w.style.coarse, 0.03, border)
    colour = _paint(colour, (0.25, 0.19, 0.15), crack * np.float32(0.1 + 0.5 * t))
    colour = _paint(colour, (0.30, 0.24, 0.24), w.rim * np.float32(0.35 + 0.3 * t))
    foot = np.where(w.inside, np.float32(0.0), step(0.14, 0.08, w.s.along))
    colour = _paint(colour, (0.15, 0.11, 0.10), foot * np.float32(0.5 + 0.4 * t))
    return colour, gloss * np.float32(0.8), bump


def _long(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Thick, jade-like glaze over ribs of lotus petals."""
    t = w.style.traits
    petals = np.float32(14 if w.style.coarse > 1 else 18)
    rib = wave(w.s.around * petals)
    tips: Array = np.abs(wave(w.s.around * petals * np.float32(0.5))) * np.float32(0.35)
    arch: Array = step(1.0, 0.5, tips + w.s.along)
    arch = np.where(w.inside, step(0.35, 0.9, w.s.r), np.float32(0.4) + arch * np.float32(0.6))
    valley = step(0.2, -0.9, rib) * arch
    colour = colour * (1.0 - (valley * np.float32(0.22 * t))[:, None])
    return colour, gloss * np.float32(0.85), bump + rib * arch * np.float32(0.16 * t)


def _jing(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Thin and crisp: a sharp pale rim, high gloss, clean foot, a cool tint where glaze gathers."""
    t = w.style.traits
    colour = _paint(colour, (0.97, 0.97, 0.96), w.rim * np.float32(0.4 + 0.4 * t))
    cool = np.where(w.inside, step(0.55, 0.2, w.s.r), step(0.3, 0.12, w.s.along))
    colour = _paint(colour, (0.52, 0.74, 0.80), cool * np.float32(0.22 * t))
    return colour, gloss * np.float32(1.0 + 0.6 * t), bump


def _jian(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Glaze that stops short in a thick wavering edge above a dark bare foot; rusty mottling."""
    t = w.style.traits
    rust = step(0.2, 0.7, noise(w.fine, w.u * np.float32(2.2), w.v * np.float32(1.5)))
    colour = _paint(colour, (0.40, 0.22, 0.10), rust * np.float32(0.32 * t))
    drip = noise(w.mottle, w.u * np.float32(0.7), w.u * np.float32(0.13)) * np.float32(0.06)
    edge = w.s.along - (np.float32(0.17 + 0.07 * t) + drip)
    bare = np.where(w.inside, np.float32(0.0), step(0.02, -0.01, edge))
    roll = np.where(w.inside, np.float32(0.0), step(0.06, 0.0, np.abs(edge - np.float32(0.04))))
    colour = colour * (1.0 - (roll * np.float32(0.45))[:, None])
    colour = _paint(colour, (0.17, 0.11, 0.09), bare)
    return colour, gloss * (1.0 - bare * np.float32(0.9)), bump


def _ciz(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """A band of white slip with free dark brush strokes."""
    t = w.style.traits
    low, high = 0.34, 0.74
    belt = np.where(
        w.inside,
        step(0.33, 0.37, w.s.r) * step(0.75, 0.7, w.s.r),
        step(low - 0.03, low, w.s.along) * step(high + 0.03, high, w.s.along),
    )
    colour = _paint(colour, (0.88, 0.84, 0.75), belt * np.float32(0.35 + 0.3 * t))
    swirl = noise(w.mottle, w.u * np.float32(0.75), w.v * np.float32(0.9) + np.float32(3.0))
    stroke = step(0.17, 0.06, np.abs(swirl)) * step(-0.1, 0.1, noise(w.fine, w.u * 0.4, w.v * 0.4))
    edge = belt * (np.float32(1.0) - belt) * np.float32(4.0)
    ink = np.clip(stroke * belt + edge * np.float32(0.8), 0.0, 1.0)
    colour = _paint(colour, (0.13, 0.08, 0.06), ink * np.float32(0.6 + 0.35 * t))
    return colour, gloss * np.float32(0.9), bump


def _yaoz(w: _Work, colour: Array, gloss: Array, bump: Array) -> Painted:
    """Deeply carved scrolls over the whole piece; glaze darkens in the cuts."""
    t = w.style.traits
    k = np.float32(1.25 / w.style.coarse)
    field = noise(w.mottle, w.u * k, w.v * k) * np.float32(2.4)
    cut = wave(field)
    wall = np.where(w.inside, np.float32(1.0), step(0.1, 0.2, w.s.along))
    groove = step(0.2, 0.85, cut) * wall
    colour = colour * (1.0 - (groove * np.float32(0.3 * t))[:, None])
    colour = _paint(colour, (0.45, 0.43, 0.22), np.full(len(w.u), 0.10 * t, dtype=np.float32))
    return colour, gloss, bump + cut * wall * np.float32(0.16 * t)


_KILNS = {
    "Ding": _ding,
    "Jun": _jun,
    "Guan": _guan,
    "Long": _long,
    "Jing": _jing,
    "Jian": _jian,
    "CiZ": _ciz,
    "YaoZ": _yaoz,
}
KILNS = tuple(_KILNS)
DYNASTIES = ("Song", "Yuan")


def _dynasty(
    dynasty: str,
    s: Surface,
    style: Style,
    rng: np.random.Generator,
    colour: Array,
    bump: Array,
) -> tuple[Array, Array]:
    """Yuan pieces carry raised bands and stronger contrast; Song pieces stay quiet."""
    if dynasty == "Song":
        mean = colour.mean(axis=0)
        return mix(colour, mean, np.full((len(colour), 1), 0.12, dtype=np.float32)), bump
    t = np.float32(style.traits)
    inside = s.part == INSIDE
    at = np.float32(uniform(rng, 0.56, 0.72))
    where = np.where(inside, s.r, s.along)
    width = np.float32(0.03 * style.coarse)
    for centre in (at, at - np.float32(0.13)):
        off = where - centre
        band = step(2.0 * float(width), float(width), np.abs(off))
        bump = bump + band * np.clip(off / width, -1.0, 1.0) * np.float32(0.34) * t
        colour = colour * (1.0 - (band * step(0.0, -0.02, off) * np.float32(0.24) * t)[:, None])
    return colour, bump
